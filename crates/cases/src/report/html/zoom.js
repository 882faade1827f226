for (const figure of document.querySelectorAll('.trace')) {
  const [bar, scroll, plot, axis] = ['.zoom', '.scroll', '.plot', '.axis'].map((name) => figure.querySelector(name))
  const times = axis.dataset.times.split(' ')
  const most = (times.length - 1) / (axis.children.length - 1)
  let by = 1
  const zoom = (to, middle) => {
    by = Math.min(most, Math.max(1, to))
    plot.style.width = `${by * 100}%`
    const written = times.filter((_, at) => at % (most / by) === 0)
    axis.replaceChildren(...written.map((time, at) => {
      const label = document.createElement('span')
      // In a short show, several have the same tenth of a second.
      if (time !== written[at - 1]) label.textContent = time
      return label
    }))
    scroll.scrollLeft = middle * plot.clientWidth - scroll.clientWidth / 2
  }
  bar.hidden = false
  bar.addEventListener('click', ({ target: { dataset } }) => {
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / plot.clientWidth
    if (dataset.by) zoom(by * dataset.by, middle)
    if (!dataset.from) return
    const [from, to] = [dataset.from / 1000, dataset.to / 1000]
    let near = 16
    while (near > 1 && (to - from) * near > 0.6) near /= 2
    zoom(near, (from + to) / 2)
  })
}
