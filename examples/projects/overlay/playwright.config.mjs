// `CHROMIUM` names a Chromium that is installed already. Playwright's own comes from `npx playwright install chromium`.
// A container for CI often runs as root, where Chromium's sandbox does not start.
export default {
  fullyParallel: true,
  use: { launchOptions: { executablePath: process.env.CHROMIUM, args: process.env.CI ? ['--no-sandbox'] : [] } },
}
