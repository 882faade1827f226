import { defineConfig } from 'vitest/config'

/** The server that `npm run dev` forwards to: `livetape replay demo`. */
const SERVER = 'http://127.0.0.1:3000'
const ADDRESSES = ['health', 'status', 'test', 'connect', 'replay', 'recordings', 'inject', 'metrics', 'connections', 'origins', 'overlays', 'livetape-client.js', 'try', 'openapi.json']

// The output is committed, so it must not depend on the machine, the time or a path.
export default defineConfig({
  // A proxy may serve the page below a prefix.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    // The content security policy of the page forbids `data:`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  server: {
    // The worker imports from `packages/client`.
    fs: { allow: ['..'] },
    proxy: {
      // The host of the page stays: orders need the server's own origin.
      ...Object.fromEntries(ADDRESSES.map((address) => [`/${address}`, { target: SERVER }])),
      '/feed': { target: SERVER, ws: true, rewrite: (path) => path.replace('/feed', '/') },
    },
  },
  test: { include: ['tests/**/*.test.ts'] },
})
