// Connecting to users of the mock; a server that stops and restarts, that runs a mock itself, and that is a node of a cluster.

import assert from 'node:assert/strict'

import { ask, proxy, scenario, start, until, withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

const REFUSED = /Failed to load resource/
/** A little more than the wait that `rate-limited-twice` asks for. */
const ASKED_TO_WAIT_MS = 2500

async function withRoom(livetape, name, use) {
  const mock = name ? ['--scenario', scenario(name)] : []
  return withServer(livetape, ['mock', '--port', '0', ...mock], ({ url: upstream, cwd }) =>
    withServer(livetape, ['serve', '0', '--upstream', upstream], use, { cwd }),
  )
}

/** Drops a file that is not a capture, which fails. */
const drop = async (page, name) => {
  const data = await page.evaluateHandle((named) => {
    const transfer = new DataTransfer()
    transfer.items.add(new File(['nothing'], named))
    return transfer
  }, name)
  await page.locator('.list').dispatchEvent('drop', { dataTransfer: data })
}

const type = async (page, user) => {
  await page.getByRole('textbox', { name: 'TikTok user' }).fill(user)
  await page.getByRole('button', { name: 'Connect', exact: true }).click()
}

/** A user who is live, one who is offline, and one whose room is rate limited at first: at once, because each check mostly waits. */
export async function source(tools) {
  const [said] = await Promise.all([limited(tools), offline(tools), online(tools)])
  return `connected, rejected with the reason, retried (“${said}”)`
}

async function online({ browser, livetape }) {
  await withRoom(livetape, undefined, async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.getByRole('button', { name: 'Play demo' }).waitFor()
    await type(page, 'https://www.tiktok.com/@demo?lang=en')
    await page.locator('.state-connected', { hasText: '@demo' }).waitFor()
    assert.equal((await ask(url, 'status')).username, 'demo')
    await page.locator('article.kind-chat').first().waitFor()
    await page.getByRole('button', { name: 'Disconnect' }).click()
    await page.locator('.state-idle, .state-ended').waitFor()
    await visit.leave()
  })
}

/** Runs in a page: how long the next message stays, in ms, by the clock of the page. */
const howLong = () =>
  new Promise((resolve) => {
    let began
    new MutationObserver(() => {
      if (document.querySelector('.card.error')) began ??= performance.now()
      else if (began !== undefined) resolve(performance.now() - began)
    }).observe(document.body, { childList: true, subtree: true })
  })

/** The lookup says that the user is offline, and the server does not try to connect. */
async function offline({ browser, livetape, pictures }) {
  await withRoom(livetape, 'offline', async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await type(page, 'demo')
    await page.locator('.refusal', { hasText: 'User is not live' }).waitFor()
    assert.equal((await ask(url, 'status')).attempt, 0, 'no attempt was made')
    await visit.axe()
    await page.getByRole('button', { name: 'Connect anyway' }).click()
    // The server remembers the answer for a while, and returns it again.
    await page.locator('.refusal', { hasText: 'User is not live' }).waitFor()
    assert.doesNotMatch(await page.locator('.refusal').innerText(), /--/, 'no flags in the hint')
    // The feed, the status and the response report the same failure: the page shows one message.
    await page.locator('.state-ended, .state-idle').waitFor()
    await visit.picture(pictures, 'offline')
    // A message lasts eight seconds, or longer while the pointer is on it.
    const staying = page.evaluate(howLong)
    await drop(page, 'not a capture.har')
    const stayed = await staying
    assert.ok(stayed > 7500 && stayed < 13_000, `the message stayed for ${stayed} ms`)
    await drop(page, 'not a capture.har')
    await page.locator('.card.error').hover()
    await visit.picture(pictures, 'error')
    await visit.axe()
    await page.getByRole('button', { name: 'Dismiss' }).first().click()
    await page.locator('.card.error').waitFor({ state: 'detached' })
    await visit.leave(REFUSED)
  })
}

/** A failed look-up names its user, and does not outlive the next connection. */
export async function lookup({ browser, livetape, pictures }) {
  await withRoom(livetape, undefined, async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const answer = { canConnect: false, code: 'dns_failed', exists: null, live: null, message: 'cannot resolve www.tiktok.com', hint: '', roomId: null, username: 'nobody' }
    await page.route('**/test/nobody', (route) => route.fulfill({ json: answer }))
    const failed = page.locator('.refusal', { hasText: 'Cannot connect @nobody: Server name not found' })
    await type(page, 'nobody')
    await failed.waitFor()
    await visit.picture(pictures, 'lookup')
    await type(page, 'demo')
    await page.locator('.state-connected', { hasText: '@demo' }).waitFor()
    await failed.waitFor({ state: 'detached' })
    // Another user stays connected: the failure stays, too, until it is dismissed.
    await type(page, 'nobody')
    await failed.waitFor()
    await page.locator('.state-connected', { hasText: '@demo' }).waitFor()
    await visit.picture(pictures, 'lookup-connected')
    await visit.axe()
    await failed.getByRole('button', { name: 'Dismiss' }).click()
    await failed.waitFor({ state: 'detached' })
    await type(page, 'not a name!')
    const invalid = page.locator('.refusal', { hasText: 'Not a user name' })
    await invalid.waitFor()
    assert.equal(await invalid.getByRole('button', { name: 'Connect anyway' }).count(), 0, 'that name cannot be connected')
    await type(page, 'nobody')
    await failed.waitFor()
    await page.getByRole('button', { name: 'Disconnect' }).click()
    await page.locator('article', { hasText: 'disconnected on request' }).waitFor()
    // A replay is a connection, too.
    await page.getByRole('button', { name: 'Play demo' }).click()
    await page.locator('.state-connected', { hasText: 'replay of' }).waitFor()
    await failed.waitFor({ state: 'detached' })
    await visit.leave()
  })
  return 'gone with the next connection, and dismissed'
}

/** The page shows the attempts and a countdown. */
async function limited({ browser, livetape }) {
  return withRoom(livetape, 'rate-limited-twice', async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await type(page, 'demo')
    // The lookup is rejected, like every request before the time is up; then the server retries by itself.
    const anyway = page.getByRole('button', { name: 'Connect anyway' })
    await anyway.waitFor()
    await page.waitForTimeout(ASKED_TO_WAIT_MS)
    await anyway.click()
    const countdown = page.locator('.state .countdown')
    const said = await countdown.innerText()
    // The reason comes over the feed, and may be later than the state.
    await page.locator('.state-why').waitFor()
    assert.match(said, /^retrying in \d+ s$/)
    await until('a countdown that counts', async () => {
      const now = await countdown.allInnerTexts()
      return now[0] !== said
    })
    await page.locator('.state-connected').waitFor({ timeout: 60_000 })
    await visit.leave(REFUSED)
    return said
  })
}

/** Asserts that no part of the page claims to be connected, and that the banner is as wide as the window. */
async function saysAway(page) {
  await page.getByText('The server is not responding').waitFor()
  await page.locator('.state-away', { hasText: 'Server not responding' }).waitFor()
  await page.locator('.link-waiting, .link-connecting, .link-silent').waitFor()
  assert.equal(await page.locator('.state-connected, .link-open, .phase-playing').count(), 0, 'nothing is green')
  for (const width of [1440, 820, 360]) {
    await page.setViewportSize({ width, height: 900 })
    const { x, width: found } = await page.locator('.banner').boundingBox()
    assert.deepEqual([x, found], [0, width], 'the banner spans the page')
  }
  await page.setViewportSize({ width: 1440, height: 900 })
}

/** Goes from idle to a recording, a user and a recording, and back to idle each time, on one page. */
export async function idle({ browser, livetape, pictures }) {
  return withRoom(livetape, undefined, async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const load = page.locator('.tape-row', { hasText: 'short' }).getByRole('button', { name: 'Play', exact: true })
    const button = (name) => page.getByRole('button', { name, exact: true })
    const isIdle = async () => {
      await page.locator('.state-idle, .state-ended').waitFor()
      const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'))
      await button('Connect a TikTok user').click()
      assert.equal(await focused(), 'TikTok user')
      await button('Play demo').waitFor()
      await until('a Play button', () => load.isEnabled())
    }
    const plays = async () => {
      await load.click()
      await page.locator('.transport .tape', { hasText: 'short' }).waitFor()
      await until('a replay', async () => (await ask(url, 'replay')).recording === 'short')
      await until('the user field to be disabled', () => page.getByRole('textbox', { name: 'TikTok user' }).isDisabled())
    }
    await isIdle()
    await visit.picture(pictures, 'idle')
    await visit.axe()
    await plays()
    await button('Disconnect').click()
    await isIdle()
    // The answer to connecting suffices: polls tell nothing newer. Without an answer, they would say after a while that the server is away.
    const [polls, told] = [/\/(health|status)$/, { health: await ask(url, 'health'), status: await ask(url, 'status') }]
    await page.route(polls, (route) => route.fulfill({ json: told[polls.exec(route.request().url())[1]] }))
    await page.route('**/connect/demo', async (route) => {
      const response = await route.fetch()
      told.status = await response.json()
      await route.fulfill({ response })
    }, { times: 1 })
    await type(page, 'demo')
    await page.locator('.state-connected', { hasText: '@demo' }).waitFor()
    // A recording can be played at any time; a connected room is left only after a question.
    await load.click()
    await page.getByRole('dialog', { name: 'Play short?' }).getByRole('button', { name: 'Cancel' }).click()
    await page.unroute(polls)
    assert.equal((await ask(url, 'status')).state, 'connected')
    await load.click()
    await page.getByRole('dialog', { name: 'Play short?' }).getByRole('button', { name: 'Play' }).click()
    await page.locator('.transport .tape', { hasText: 'short' }).waitFor()
    await button('Disconnect').click()
    await isIdle()
    await button('Play demo').click()
    await page.locator('.transport .tape', { hasText: 'demo' }).waitFor()
    await button('Disconnect').click()
    await isIdle()
    // A replay that has ended can be disconnected too.
    await plays()
    await page.locator('body').press('End')
    await button('Play again').waitFor()
    await until('the end', async () => (await ask(url, 'replay')).state === 'ended')
    await button('Disconnect').click()
    await isIdle()
    await visit.leave()
    return 'played, disconnected, connected, played after a question, played the demo, played to its end, disconnected'
  })
}

/** After a room failed under `live --stay`, the dashboard suggests the next step. */
export async function stay({ browser, livetape, pictures }) {
  return withServer(livetape, ['mock', '--port', '0', '--scenario', scenario('offline')], ({ url: upstream, cwd }) =>
    withServer(livetape, ['live', 'demo', '--stay', '--port', '0', '--upstream', upstream], async ({ url }) => {
      const visit = await Visit.open(browser, url)
      const { page } = visit
      await page.locator('.state-ended .state-why').waitFor()
      await page.getByRole('button', { name: 'Play demo' }).waitFor()
      await visit.picture(pictures, 'stay')
      await page.locator('.tape-row', { hasText: 'short' }).getByRole('button', { name: 'Play', exact: true }).click()
      await page.locator('.transport .tape', { hasText: 'short' }).waitFor()
      await visit.leave()
      return 'suggested the next step after an offline user, and loaded a recording'
    }, { cwd }),
  )
}

/** The server stops, and another one starts at its address, which a proxy holds meanwhile. */
export async function restart({ browser, livetape, pictures }) {
  return withServer(livetape, ['mock', '--port', '0'], async ({ cwd }) => {
    const serve = () => start(livetape, ['replay', 'demo', '--port', '0'], { cwd })
    const first = await serve()
    let { port } = first
    const address = await proxy(() => port)
    const visit = await Visit.open(browser, address.ws.replace('ws', 'http'))
    const { page } = visit
    await page.locator('article').nth(3).waitFor()
    // Nothing ever answers at port 0.
    port = 0
    await first.stop()
    await saysAway(page)
    await visit.picture(pictures, 'away')
    const second = await serve()
    port = second.port
    await page.locator('.link-open').waitFor({ timeout: 30_000 })
    await page.getByText('1 interruption; events may be missing').waitFor()
    await page.getByText('The server is not responding').waitFor({ state: 'detached' })
    // A server that hangs keeps its sockets open.
    process.kill(second.pid, 'SIGSTOP')
    await saysAway(page)
    process.kill(second.pid, 'SIGCONT')
    await page.locator('.link-open').waitFor()
    await page.locator('.state-connected').waitFor()
    await visit.leave(REFUSED, /WebSocket connection to/)
    await second.stop()
    await address.close()
    return 'shows that the server is away, and reports the new stream as a loss'
  })
}

/** Responses that the server passes on from the mock, which browsers print to the console. */
const MOCK_REFUSED = /status of (403|429)/

export async function mock({ browser, livetape, pictures }) {
  return withServer(livetape, ['serve', '--port', '0'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const button = (name) => page.getByRole('button', { name, exact: true })
    const scenario = page.getByRole('combobox', { name: 'Scenario' })
    await scenario.waitFor()
    assert.equal(await scenario.inputValue(), 'demo')
    await page.getByText('A LIVE without failures').waitFor()
    await scenario.selectOption('rate-limited-twice')
    await page.getByText('Returns 429 twice').waitFor()
    await button('Start').click()
    const panel = page.locator('.mock')
    const log = panel.getByRole('list', { name: 'Requests and faults, newest first' })
    await log.locator('.failed', { hasText: '429' }).first().waitFor()
    const retry = await panel.getByText(/^The next attempt starts in \d+ s/).innerText()
    // The reason comes over the feed, and may be later than the state.
    await page.locator('.state-why').waitFor()
    assert.equal(await page.locator('.card.error, .state-why, .refusal').count(), 1, 'one failure is one message')
    await visit.axe()
    await visit.picture(pictures, 'mock')
    await page.locator('.state-connected', { hasText: '@demo' }).waitFor({ timeout: 30_000 })
    await log.getByText('Ack').first().waitFor()
    await log.getByText('WebSocket opened').waitFor()
    await visit.picture(pictures, 'mock-connected')
    // The room is not recorded, so its messages cannot be read again.
    await page.locator('article.kind-chat').first().click()
    await button('Fields').click()
    await page.locator('.details').getByText('This room is not recorded here').waitFor()
    await page.keyboard.press('Escape')
    await panel.getByRole('button', { name: 'Copy address' }).click()
    await page.getByText('Copied the address of the mock').waitFor()
    const rows = await log.locator('li').count()
    await button('Stop').click()
    await panel.waitFor({ state: 'detached' })
    await until('the server is idle', async () => (await ask(url, 'status')).mode === 'idle')
    // A scenario that fails for good leaves its log, and the next one can be started.
    await scenario.selectOption('age-restricted')
    await button('Start').click()
    await page.locator('.state-why, .refusal', { hasText: 'age' }).waitFor()
    await panel.getByText('runs age-restricted').waitFor()
    await scenario.selectOption('stays-open')
    await button('Start').click()
    await page.locator('.state-connected', { hasText: '@demo' }).waitFor()
    await button('Stop').click()
    await panel.waitFor({ state: 'detached' })
    await visit.leave(MOCK_REFUSED)
    return `${rows} rows; “${retry}”; three scenarios`
  })
}

const CLUSTER = {
  cluster: 'show',
  node: 'aaaaaaaa11111111',
  owner: 'bbbbbbbb22222222',
  reachable: true,
  nodes: ['aaaaaaaa11111111', 'bbbbbbbb22222222', 'cccccccc33333333'].map((node, clients) => ({ node, version: '0.1.0', clients })),
}

/** The real page, with the status of a node: `tests/cluster` checks that nodes report it. */
export async function nodes({ browser, livetape, pictures }) {
  return withServer(livetape, ['serve', '--port', '0'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    assert.equal(await page.getByText('Cluster').count(), 0, 'a server without a cluster')
    await page.getByText('Run a mock TikTok').waitFor()
    let cluster = CLUSTER
    const own = await ask(url, 'status')
    await page.route('**/status', (route) => route.fulfill({ json: { ...own, cluster } }))
    const list = page.getByRole('list', { name: 'Cluster show' })
    await list.waitFor()
    const shown = await list.getByRole('listitem').allInnerTexts()
    assert.deepEqual(shown.map((text) => text.replace(/\s+/g, ' ')), ['aaaaaaaa this node 0 clients', 'bbbbbbbb owner 1 client', 'cccccccc 2 clients'])
    assert.equal(await page.getByText('Run a mock TikTok').count(), 0, 'the nodes cannot share it')
    cluster = { ...CLUSTER, owner: null, reachable: false }
    await page.getByText('NATS is unreachable').waitFor()
    for (const width of [1440, 360]) {
      await page.setViewportSize({ width, height: 740 })
      await list.scrollIntoViewIfNeeded()
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `too wide for ${width}`)
      await visit.picture(pictures, `nodes-${width}`)
      await visit.axe()
    }
    await visit.close()
    return 'three nodes, one of them the owner, and NATS unreachable'
  })
}
