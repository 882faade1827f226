// For the tests of this package. Debian's Chromium; CI runs as root in a container, where its sandbox does not start.

export default {
  testDir: process.env.TESTS ?? '.',
  testMatch: '**/*.spec.mjs',
  reporter: [['json', { outputFile: process.env.REPORT }]],
  outputDir: process.env.OUTPUT,
  timeout: 20_000,
  use: {
    baseURL: process.env.BASE_URL,
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] },
  },
}
