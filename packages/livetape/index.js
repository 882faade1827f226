// Finds the program in the package of this platform.

'use strict'

const platform = `@livetape/${process.platform}-${process.arch}`
const file = process.platform === 'win32' ? 'livetape.exe' : 'livetape'

try {
  exports.path = require.resolve(`${platform}/bin/${file}`)
} catch (cause) {
  throw new Error(`${platform} is not installed: install it together with livetape, in the same version`, { cause })
}
