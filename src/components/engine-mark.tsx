import { Database, Feather, Layers, Leaf } from "lucide-react";
import type { ComponentType, SVGProps } from "react";
import { classNames } from "@/components/ui/class-names";
import type { EngineId } from "@/engines";

type Icon = ComponentType<SVGProps<SVGSVGElement>>;

const marks: Record<EngineId, { Icon: Icon; tile: string }> = {
  sqlite: { Icon: Feather, tile: "bg-tint-sqlite text-sqlite" },
  redis: { Icon: Layers, tile: "bg-tint-redis text-redis" },
  postgres: { Icon: Database, tile: "bg-tint-postgres text-postgres" },
  mongodb: { Icon: Leaf, tile: "bg-tint-mongodb text-mongodb" },
};

const sizes = {
  20: { tile: "size-5 rounded-[5px]", sign: "size-3" },
  24: { tile: "size-6 rounded-md", sign: "size-3.5" },
  28: { tile: "size-7 rounded-md", sign: "size-[17px]" },
  32: { tile: "size-8 rounded-md", sign: "size-[19px]" },
};

/** The coloured tile of an engine: 20 in tabs and lists, 24 in the phone bar, 28 on cards, 32 in phone lists. Its name stands beside it. */
export function EngineMark({ engine, size = 20 }: { engine: EngineId; size?: keyof typeof sizes }) {
  const { Icon, tile } = marks[engine];
  return (
    <span aria-hidden="true" className={classNames("inline-flex shrink-0 items-center justify-center", sizes[size].tile, tile)}>
      <Icon className={sizes[size].sign} />
    </span>
  );
}
