// The theme that the dashboard stores: for the pages beside it.

'use strict'

const showTheme = () => {
  const theme = localStorage.getItem('livetape.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
}
addEventListener('storage', showTheme)
showTheme()
