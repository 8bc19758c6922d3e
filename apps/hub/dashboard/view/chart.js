// SPDX-License-Identifier: MIT
// A chart of the last five minutes: uPlot in a component.

import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { historySeconds, latestOf } from '../core/history.js';
import { clockText } from '../core/time.js';
import { useMedia } from './hooks.js';
import { html } from './html.js';

/** A scale that starts at zero and is never flat. */
const fromZero = (plot, least, most) => [0, Math.max(4, (most ?? 0) * 1.15)];

const window = (plot, first, last) => {
  const end = last ?? Date.now() / 1000;
  return [end - historySeconds, end];
};

function options(series, colors, { width, height }, onCursor) {
  const grid = { stroke: colors.grid, width: 1 };
  const axis = { stroke: colors.text, grid, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 }, sync: { key: 'hub' } },
    scales: { x: { range: window }, y: { range: fromZero } },
    axes: [
      { ...axis, size: 24, space: 45, incrs: [60, 120, 300], values: (plot, ticks) => ticks.map(minuteText) },
      { ...axis, size: 40, space: 36, incrs, values: (plot, ticks) => ticks.map(tickText) },
    ],
    series: [
      {},
      ...series.map(({ color, dash, fill }) => ({
        stroke: colors[color],
        width: 1.75,
        dash,
        fill: fill && colors[fill],
        points: { show: false },
      })),
    ],
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
  };
}

const incrs = Array.from({ length: 24 }, (_, index) => [1, 2, 5][index % 3] * 10 ** Math.floor(index / 3));
const minuteText = (seconds) => clockText(seconds).slice(-8, -3);
const tickText = (value) => (value >= 1000 ? `${value / 1000}k` : String(value));

function readColors(node) {
  const style = getComputedStyle(node);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    text: of('--text-soft'),
    grid: of('--line-soft'),
    first: of('--chart-first'),
    second: of('--chart-second'),
    area: of('--chart-area'),
  };
}

/**
 * `series`: [{name, values, color, dash, fill, format}]. The legend says the values under the cursor, otherwise the
 * newest: it is the chart for those who do not see it.
 */
export function Chart({ id, title, times, series }) {
  const host = useRef(null);
  const plot = useRef(null);
  const [cursor, setCursor] = useState(null);
  const dark = useMedia('(prefers-color-scheme: dark)');
  const data = [times, ...series.map(({ values }) => values)];

  useEffect(() => {
    const node = host.current;
    const size = () => ({ width: node.clientWidth, height: node.clientHeight });
    plot.current = new uPlot(options(series, readColors(node), size(), setCursor), data, node);
    const watcher = new ResizeObserver(() => plot.current.setSize(size()));
    watcher.observe(node);
    return () => {
      watcher.disconnect();
      plot.current.destroy();
    };
  }, [dark]);
  useEffect(() => plot.current.setData(data), [times]);

  const at = (values) => (cursor !== null && cursor < values.length ? values[cursor] : latestOf(values));
  return html`
    <figure class="chart" data-chart=${id}>
      <figcaption>
        <h3>${title}</h3>
        <ul class="legend">
          ${series.map(
            ({ name, values, color, dash, format }) => html`
            <li key=${name}>
              <svg class="legend-line legend-line--${color}" viewBox="0 0 22 6" aria-hidden="true">
                <path d="M0 3h22" stroke="currentColor" stroke-width="2.5"
                      stroke-dasharray=${dash?.join(' ') ?? 'none'} />
              </svg>
              ${name} <b>${format(at(values))}</b>
            </li>`,
          )}
        </ul>
      </figcaption>
      <div class="chart-plot" ref=${host} aria-hidden="true"></div>
    </figure>
  `;
}
