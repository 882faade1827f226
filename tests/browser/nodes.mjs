// The nodes of a cluster.

import assert from 'node:assert/strict'

import { ask, withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

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
