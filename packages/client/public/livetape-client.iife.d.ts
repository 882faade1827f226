// The global that `<script src="livetape-client.iife.js">` defines.

import type * as client from './types/index.js'

declare global {
  var Livetape: typeof client
}
