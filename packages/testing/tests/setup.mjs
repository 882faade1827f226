// Tests the build of this checkout.

import { LIVETAPE } from '../../../tests/support/livetape.mjs'

process.env.LIVETAPE_BIN = LIVETAPE
