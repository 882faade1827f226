import { defineConfig } from 'vitest/config'

/** The server that `npm run dev` stands before: `livetape replay demo`. */
const SERVER = 'http://127.0.0.1:3000'
const ADDRESSES = ['health', 'status', 'test', 'connect', 'replay', 'recordings', 'inject', 'metrics', 'openapi.json']

// The output is committed: nothing of a machine, a time or a path may get into it.
export default defineConfig({
  // Pages and assets may stand below another path, behind a proxy.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    // The policy of the page forbids `data:`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  server: {
    // The connection is that of `packages/client`.
    fs: { allow: ['..'] },
    proxy: {
      ...Object.fromEntries(ADDRESSES.map((address) => [`/${address}`, SERVER])),
      '/feed': { target: SERVER, ws: true, rewrite: (path) => path.replace('/feed', '/') },
    },
  },
  test: { include: ['tests/**/*.test.ts'] },
})
