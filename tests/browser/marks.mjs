// Markers and gaps on the timeline.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

import { ask, recording, until, withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

const MARKERS = [{ label: 'the <b>first</b> gift', at: '1m' }, { label: 'raid', at: '4m30s' }]
/** Damages this many bytes, from this fraction of the file on. */
const [DAMAGE_BYTES, DAMAGE_AT] = [6000, 0.4]
/** Maximum distance from the exact position, in CSS pixels. */
const OFF_PX_MAX = 1.5

/** Runs `use` in a folder with `damaged.bin`, which has markers and a gap, and `short.bin`, which has neither. */
async function withRecordings(livetape, use) {
  const cwd = await mkdtemp(path.join(os.tmpdir(), 'livetape-marks-'))
  try {
    const folder = path.join(cwd, 'recordings')
    await mkdir(folder)
    const file = path.join(folder, 'damaged.bin')
    for (const name of ['short', 'damaged']) await writeFile(path.join(folder, `${name}.bin`), await readFile(recording('short')))
    for (const { label, at } of MARKERS) await promisify(execFile)(livetape, ['mark', file, '--at', at, label])
    const bytes = await readFile(file)
    const from = Math.floor(bytes.length * DAMAGE_AT)
    await writeFile(file, bytes.map((byte, index) => (index >= from && index < from + DAMAGE_BYTES ? byte ^ 0xff : byte)))
    return await use(cwd)
  } finally {
    await rm(cwd, { recursive: true, force: true })
  }
}

/** Runs in the page: the position of everything on the timeline, in CSS pixels from its start, and the columns that are drawn on. */
const measure = () => {
  const timeline = document.querySelector('.timeline')
  const { left, width } = timeline.querySelector('canvas').getBoundingClientRect()
  const boxes = (selector) => [...timeline.querySelectorAll(selector)].map((element) => {
    const box = element.getBoundingClientRect()
    return { title: element.title, from: box.left - left, to: box.right - left, isSeen: box.height > 20 }
  })
  const canvas = timeline.querySelector('canvas')
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  const inked = new Set(data.reduce((columns, value, index) => (index % 4 === 3 && value > 0 && columns.push((index >> 2) % canvas.width), columns), []))
  return { width, markers: boxes('.marker'), gaps: boxes('.gap'), inked: [...inked].map((column) => (column * width) / canvas.width) }
}

const isNear = (a, b, what) => assert.ok(Math.abs(a - b) <= OFF_PX_MAX, `${what} is at ${a}, not ${b}`)

export async function marks({ browser, livetape, pictures }) {
  return withRecordings(livetape, (cwd) => withServer(livetape, ['replay', 'recordings/damaged.bin', '--port', '0'], async ({ url }) => {
    const { timeline: told } = await ask(url, 'recordings/damaged')
    assert.deepEqual(told.markers, [{ offsetMs: 60_000, label: MARKERS[0].label }, { offsetMs: 270_000, label: MARKERS[1].label }], 'the server reports the markers')
    assert.equal(told.gaps.length, 1, 'the server reports the gap')
    const [gap] = told.gaps

    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.getByRole('button', { name: 'Pause replay (space)' }).click()
    await page.locator('.timeline .marker').nth(1).waitFor()
    const { width, markers, gaps, inked } = await until('bars', async () => {
      const found = await page.evaluate(measure)
      return found.inked.length > 50 && found
    })
    const x = (ms) => (ms / told.durationMs) * width
    assert.deepEqual(markers.map(({ title }) => title), MARKERS.map(({ label }) => label), 'labels are plain text')
    markers.forEach(({ from, to }, index) => isNear((from + to) / 2, x(told.markers[index].offsetMs), `marker ${index}`))
    assert.equal(gaps.length, 1, 'one gap')
    isNear(gaps[0].from, x(gap.fromMs), 'the start of the gap')
    isNear(gaps[0].to, x(gap.toMs), 'its end')
    const clock = (ms) => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`
    assert.equal(gaps[0].title, `Gap: ${clock(gap.fromMs)} – ${clock(gap.toMs)}`, 'the title shows the range')
    assert.ok([...markers, ...gaps].every(({ isSeen }) => isSeen), 'all of them are visible')
    // The gap has no bars, but both sides of it do.
    const [from, to] = [gaps[0].from + 4, gaps[0].to - 4]
    assert.ok(to > from && !inked.some((at) => at > from && at < to), 'no bar in the gap')
    assert.ok(inked.some((at) => at < from) && inked.some((at) => at > to), 'bars around it')
    await page.locator('.marker').first().hover()
    await visit.axe()
    await visit.picture(pictures, 'marks')

    // Clicking a marker seeks to it.
    await page.locator('.marker').nth(1).click()
    const aPixel = told.durationMs / width
    await until('the marker', async () => Math.abs((await ask(url, 'replay')).offsetMs - 270_000) < (OFF_PX_MAX + 1) * aPixel)

    // Loading another recording replaces them.
    const load = async (name) => {
      await page.locator('.tape-row', { has: page.locator('bdi.tape', { hasText: name }) }).getByRole('button', { name: 'Play', exact: true }).click()
      await page.locator('.transport .tape', { hasText: name }).waitFor()
    }
    await load('short')
    await page.locator('.timeline .marker').first().waitFor({ state: 'detached' })
    await page.locator('.timeline .gap').waitFor({ state: 'detached' })
    await load('damaged')
    await page.locator('.timeline .gap').waitFor()
    assert.equal(await page.locator('.timeline .marker').count(), 2, 'markers reappear with their recording')
    visit.clean()
    await visit.close()
    return `${markers.length} markers, a gap of ${gap.records} records from ${clock(gap.fromMs)} to ${clock(gap.toMs)}`
  }, { cwd }))
}
