// What `<script src="livetape-client.iife.js">` adds to a page.

import type * as client from './types/index.js'

declare global {
  var Livetape: typeof client
}
