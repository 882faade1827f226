import { defineConfig } from 'vitest/config'

// One of the outputs is committed, as examples/livetape-client.js: nothing of a machine, a time or a path may get into it.
export default defineConfig({
  build: {
    target: 'es2022',
    minify: true,
    reportCompressedSize: false,
    // Node 20 needs it, where it is installed: see `#importWebSocket`.
    rolldownOptions: { external: ['ws'] },
    lib: {
      entry: 'src/index.ts',
      name: 'Livetape',
      formats: ['es', 'umd', 'iife'],
      fileName: (format) => ({ es: 'livetape-client.js', umd: 'livetape-client.umd.cjs', iife: 'livetape-client.iife.js' })[format as string] as string,
    },
  },
  test: {
    include: ['tests/**/*.test.mjs'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Each file starts servers; the machine may have two cores.
    fileParallelism: false,
  },
})
