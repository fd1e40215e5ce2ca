import type { Usage, UsagePoint } from '../api/types.js';
import { ticksOf } from '../lib/ticks.js';
import { refusalsOf } from '../lib/usage.js';
import { count, DAY, moment } from '../lib/words.js';

const [HEIGHT, FOOT] = [176, 20];
const SPAN_MS = { minute: 60_000, hour: 3_600_000, day: DAY } as const;
const KINDS = [['allowed', 'Allowed'], ['limited', 'Limited'], ['refused', 'Refused']] as const;

const heights = (point: UsagePoint): readonly number[] => [point.allowed, point.limited, refusalsOf(point)];

/** Requests over time as stacked bars, and the same numbers as a table for whoever does not see them. */
export function Chart({ usage: { points, per, from, to } }: { readonly usage: Usage }) {
  const highest = Math.max(1, ...points.map((point) => heights(point).reduce((sum, one) => sum + one, 0)));
  // Even, so that half of it is a number of requests too.
  const most = 2 * Math.ceil(highest / 2);
  // Stretches without a request are not in the answer: each bar stands where its time is.
  const [start, whole] = [Date.parse(from), Date.parse(to) - Date.parse(from)];
  const place = (time: number): number => (100 * (time - start)) / whole;
  const step = (100 * SPAN_MS[per]) / whole;
  const room = HEIGHT - FOOT;
  return (
    <figure class="chart">
      <svg role="img" aria-label={`Requests per ${per}, at most ${count(highest)}. The table below has the numbers.`}>
        {[0, 0.5, 1].map((share) => <line key={share} class="axis" x1="0" x2="100%" y1={room * share + 0.5} y2={room * share + 0.5} />)}
        {points.map((point) => <Bar key={point.at} point={point} x={place(Date.parse(point.at))} width={step * 0.7} scale={(room - 2) / most} foot={room} />)}
        {[1, 0.5].map((share) => <text key={share} x="2" y={room * (1 - share) + 12}>{count(most * share)}</text>)}
        {/* What stands at the very end would be cut off. */}
        {ticksOf(start, start + whole).filter(({ at }) => place(at) < 92).map(({ at, text }) => <text key={at} x={percent(place(at))} y={HEIGHT - 4}>{text}</text>)}
      </svg>
      <div class="legend">
        <span>{moment(from)} to {moment(to)}</span>
        {KINDS.map(([name, text]) => <span key={name}><i class={name} aria-hidden="true" />{text}</span>)}
        <span>Highest: {count(highest)} per {per}</span>
      </div>
      <Numbers points={points} />
    </figure>
  );
}

const percent = (share: number): string => `${share.toFixed(3)}%`;

/** `x` and `width` are hundredths of the chart's width: it fits every screen, and its texts keep their shape. */
function Bar({ point, x, width, scale, foot }: { readonly point: UsagePoint; readonly x: number; readonly width: number; readonly scale: number; readonly foot: number }) {
  let y = foot;
  return (
    <g class="bar">
      <title>{`${moment(point.at)}: ${KINDS.map(([, text], index) => `${text.toLowerCase()} ${count(heights(point)[index] ?? 0)}`).join(', ')}`}</title>
      {KINDS.map(([name], index) => {
        const height = (heights(point)[index] ?? 0) * scale;
        y -= height;
        return height > 0 && <rect key={name} class={name} x={percent(x)} y={y} width={percent(width)} height={height} />;
      })}
    </g>
  );
}

const Numbers = ({ points }: { readonly points: readonly UsagePoint[] }) => (
  <details>
    <summary>The numbers as a table</summary>
    <div class="table-frame" tabIndex={0} role="region" aria-label="Requests over time">
      <table>
        <thead><tr><th scope="col">From</th>{KINDS.map(([name, text]) => <th key={name} scope="col">{text}</th>)}</tr></thead>
        <tbody>
          {points.map((point) => (
            <tr key={point.at}><th scope="row">{moment(point.at)}</th>{heights(point).map((height, index) => <td key={KINDS[index]?.[0]}>{count(height)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  </details>
);
