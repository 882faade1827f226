import { defineConfig } from 'vitest/config'

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
    include: ['tests/**/*.test.mjs'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Each file starts servers, and the machine may only have two cores.
    fileParallelism: false,
  },
})
