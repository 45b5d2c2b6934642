import { classNames } from "@/components/ui/class-names";

const width = 100;
const height = 28;
const inset = 3;

/** Points of a line over the series, oldest left, in a box of 100 x 28. Exported for its test. */
export function sparklinePoints(series: readonly number[]): { x: number; y: number }[] {
  const lowest = Math.min(...series);
  const span = Math.max(...series) - lowest;
  return series.map((value, index) => ({
    x: (index / Math.max(1, series.length - 1)) * width,
    y: span === 0 ? height / 2 : height - inset - ((value - lowest) / span) * (height - 2 * inset),
  }));
}

/** The last minutes or days as a line; says nothing until four values exist: a line through fewer looks like a trend. Stretches to its box without thickening the stroke. */
export function Sparkline({ series, label, className }: { series: readonly number[]; label: string; className?: string }) {
  const size = classNames("block h-7 w-full overflow-visible", className);
  const points = sparklinePoints(series);
  const last = points.at(-1);
  if (points.length < 4 || !last) return <span aria-hidden="true" className={size} />;
  const line = points.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${x.toFixed(2)} ${y.toFixed(2)}`).join(" ");
  return (
    <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label} className={size}>
      <path d={`${line} L${width} ${height} L0 ${height} Z`} className="fill-spark" fillOpacity="0.1" />
      <path d={line} fill="none" strokeWidth="1.5" strokeLinejoin="round" strokeLinecap="round" vectorEffect="non-scaling-stroke" className="stroke-spark" />
      <path d={`M${last.x} ${last.y.toFixed(2)} h0.001`} strokeWidth="4.5" strokeLinecap="round" vectorEffect="non-scaling-stroke" className="stroke-spark" />
    </svg>
  );
}
