import { LinesSkeleton } from "@/components/ui/skeleton";

export default function Loading() {
  return (
    <div className="p-4">
      <LinesSkeleton lines={10} />
    </div>
  );
}
