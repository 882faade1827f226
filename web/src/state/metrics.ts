/** How late events are, from `/metrics`. */

import { effect, signal } from '@preact/signals'

export const lateness = signal<number | undefined>(undefined)
void effect
