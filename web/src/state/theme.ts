/** Light or dark theme: the system’s, unless the user chose one. */

import { effect, signal } from '@preact/signals'

export type Theme = 'auto' | 'light' | 'dark'
const KEY = 'livetape.theme'
const ORDER: readonly Theme[] = ['auto', 'light', 'dark']

const stored = localStorage.getItem(KEY)
export const theme = signal<Theme>(stored === 'light' || stored === 'dark' ? stored : 'auto')

effect(() => {
  if (theme.value === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme.value
  localStorage.setItem(KEY, theme.value)
})

export const nextTheme = (): void => {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length] ?? 'auto'
}
