// A line chart as SVG, in the style of `benches/support/plot.rs`.

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 320, 50, 20, 40, 40]

/** Draws samples that were taken at equal intervals. */
export function chart(title, below, above, samples) {
  const top = Math.ceil(Math.max(...samples) * 1.2)
  const x = (at) => LEFT + (at / Math.max(1, samples.length - 1)) * (WIDTH - LEFT - RIGHT)
  const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM)
  const text = (x, y, anchor, text) => `<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`
  const axis = HEIGHT - BOTTOM
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>${title}</title>
<rect width="100%" height="100%" fill="white"/>
<path d="M${LEFT} ${TOP}V${axis}H${WIDTH - RIGHT}" fill="none" stroke="black"/>
${text(8, 18, 'start', above)}
${text(WIDTH / 2, HEIGHT - 6, 'middle', below)}
${[0, top / 2, top].map((value) => text(LEFT - 8, y(value) + 4, 'end', value)).join('\n')}
${[0, 0.5, 1].map((share) => text(LEFT + share * (WIDTH - LEFT - RIGHT), axis + 18, 'middle', share)).join('\n')}
<polyline points="${samples.map((value, at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}" fill="none" stroke="#0066cc" stroke-width="2"/>
</svg>
`
}
