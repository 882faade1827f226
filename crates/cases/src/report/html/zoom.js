
for (const figure of document.querySelectorAll('.trace')) {
  const [bar, scroll, plot] = ['.zoom', '.scroll', '.plot'].map((name) => figure.querySelector(name))
  let by = 1
  const zoom = (to, middle) => {
    by = Math.min(64, Math.max(1, to))
    plot.style.width = `${by * 100}%`
    scroll.scrollLeft = middle * plot.clientWidth - scroll.clientWidth / 2
  }
  bar.hidden = false
  bar.addEventListener('click', ({ target: { dataset } }) => {
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / plot.clientWidth
    if (dataset.by) zoom(by * dataset.by, middle)
    if (dataset.at) zoom(Math.max(by, 16), dataset.at / 1000)
  })
}
