import { defineConfig } from 'vitest/config'

export default defineConfig({
  build: {
    target: 'node20',
    // Vitest and Playwright read the parameter lists of fixtures.
    minify: false,
    reportCompressedSize: false,
    rolldownOptions: { external: [/^node:/, '@playwright/test', 'vitest'], platform: 'node' },
    lib: {
      entry: { index: 'src/index.ts', jest: 'src/jest.ts', playwright: 'src/playwright.ts', vitest: 'src/vitest.ts' },
      formats: ['es', 'cjs'],
      fileName: (format, name) => `${name}.${format === 'es' ? 'js' : 'cjs'}`,
    },
  },
  test: {
    include: ['tests/**/*.test.mjs'],
    setupFiles: ['tests/setup.mjs'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // They mostly wait for servers.
    maxWorkers: 3,
  },
})
