// Loads the addon, and explains why that failed.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LivetapeError } from './errors.cjs'

/** Platforms with an addon. */
const PLATFORMS = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64', 'win32-arm64', 'win32-x64']

const { version } = require('../package.json') as { version: string }

/** Loads the addon of a checkout, or that of this platform's package. */
export function load(): unknown {
  const platform = `${process.platform}-${process.arch}`
  const [name, file] = [`@livetape/node-${platform}`, `livetape.${platform}.node`]
  const built = join(__dirname, file)
  try {
    if (existsSync(built)) return require(built)
    const { version: other } = require(`${name}/package.json`) as { version: string }
    if (other !== version) throw new LivetapeError('not_supported', `${name} is version ${other}, but @livetape/node is ${version}`, 'install both in the same version')
    return require(`${name}/${file}`)
  } catch (cause) {
    if (cause instanceof LivetapeError) throw cause
    const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown }
    throw new LivetapeError('not_supported', `cannot load the addon for ${platform}: ${String(message)}`, advice(platform, name, code), { cause })
  }
}

function advice(platform: string, name: string, code: unknown): string {
  const build = 'build it from a checkout: npm run build'
  if (!PLATFORMS.includes(platform)) return `use one of ${PLATFORMS.join(', ')}, or ${build}`
  if (process.platform === 'linux' && isMusl()) return `use a system with glibc, such as the image node:slim instead of node:alpine, or ${build}`
  const hasPermissions = 'permission' in process
  if (code === 'ERR_DLOPEN_DISABLED') return hasPermissions ? 'run Node with --allow-addons' : 'run Node without --no-addons'
  if (code === 'ERR_ACCESS_DENIED') return 'run Node with --allow-addons, and with --allow-fs-read for the folder of the package'
  if (code === 'MODULE_NOT_FOUND') return `install ${name}@${version} together with this package, and exclude both from bundles, or ${build}`
  return `allow addons to be loaded, reinstall ${name}@${version}, or ${build}`
}

/** Whether the C library is not glibc, for which the addon is built. */
function isMusl(): boolean {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime === undefined
}
