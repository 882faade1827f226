// Uses a page in Chromium with `--proxy-server`: `node page.mjs`. It trusts the CA in the NSS database of its HOME.

import { chromium } from 'playwright-core'

import { chromiumWith } from '../../support/livetape.mjs'
import { LOOKUP, OTHER, SOCKET } from './programs.mjs'

const browser = await chromium.launch(chromiumWith(`--proxy-server=${process.env.HTTPS_PROXY}`))
const page = await browser.newPage()
const lookup = await page.goto(LOOKUP)
const room = (await lookup.json()).data.user.roomId
console.log(`room ${room}`)
console.log(`frames ${await page.evaluate(countFrames, SOCKET + room)}`)
await page.goto(OTHER).catch(({ message }) => console.log(message.includes('ERR_TUNNEL_CONNECTION_FAILED') ? 'other host 502' : message))
await browser.close()

/** Runs in the page. */
function countFrames(address) {
  let frames = 0
  const socket = new WebSocket(address)
  socket.onmessage = () => (frames += 1)
  return new Promise((resolve) => (socket.onclose = () => resolve(frames)))
}
