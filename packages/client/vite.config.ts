import { defineConfig } from 'vitest/config'

/** Tests of looks, and tests that measure frames: one file at a time, every night. */
const NIGHT = ['tests/air.test.mjs', 'tests/busy.test.mjs']

// One output is committed as examples/livetape-client.js, so it must not depend on the machine, the time or a path.
export default defineConfig({
  build: {
    target: 'es2022',
    minify: true,
    reportCompressedSize: false,
    // Imported at run time on Node 20: see `#importWebSocket`.
    rolldownOptions: { external: ['ws'] },
    lib: {
      entry: 'src/index.ts',
      name: 'Livetape',
      formats: ['es', 'umd', 'iife'],
      fileName: (format) => ({ es: 'livetape-client.js', umd: 'livetape-client.umd.cjs', iife: 'livetape-client.iife.js' })[format as string] as string,
    },
  },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      // Three files at a time, because they mostly wait for pages and servers.
      { extends: true, test: { name: 'day', include: ['tests/**/*.test.mjs'], exclude: NIGHT, maxWorkers: 3, sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: 'night', include: NIGHT, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
})
