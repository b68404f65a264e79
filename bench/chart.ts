/** A line of a chart: points from left to right. */
export interface Line {
  readonly name: string;
  readonly color: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const width = 720;
const height = 320;
const margin = { left: 72, right: 16, top: 40, bottom: 40 };

/** Lines over one axis each way, as an SVG that needs nothing else. */
export function lineChart(title: string, xLabel: string, yLabel: string, lines: readonly Line[]): string {
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x));
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y));
  const xMax = Math.max(...xs, 1e-9);
  const yMax = roundUp(Math.max(...ys, 1e-9));
  const x = (value: number): number => margin.left + (value / xMax) * (width - margin.left - margin.right);
  const y = (value: number): number => height - margin.bottom - (value / yMax) * (height - margin.top - margin.bottom);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(yMax * share).toFixed(1);
    return `<line x1="${margin.left}" x2="${width - margin.right}" y1="${at}" y2="${at}" stroke="#ddd"/><text x="${margin.left - 8}" y="${at}" text-anchor="end" dominant-baseline="middle">${short(yMax * share)}</text>`;
  });
  const drawn = lines.map(({ color, points }) => {
    const path = points.map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join('');
    return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.5"/>`;
  });
  const legend = lines.map(
    ({ name, color }, i) =>
      `<rect x="${margin.left + i * 160}" y="26" width="12" height="3" fill="${color}"/><text x="${margin.left + i * 160 + 18}" y="31">${name}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" fill="#333">
<title>${title}</title>
<rect width="${width}" height="${height}" fill="#fff"/><text x="${margin.left}" y="16" font-size="13">${title}</text>
${legend.join('')}${grid.join('')}${drawn.join('')}
<text x="${width - margin.right}" y="${height - 8}" text-anchor="end">${xLabel} (to ${short(xMax)})</text><text x="8" y="16">${yLabel}</text>
</svg>
`;
}

const short = (value: number): string =>
  value >= 10_000 ? `${Math.round(value / 1000)}k` : String(Math.round(value * 100) / 100);

function roundUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  return Math.ceil(value / unit) * unit;
}
