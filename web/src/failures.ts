/** Titles and hints of error codes, for people who do not know them. To translate the page, translate them too. */

import { plain } from './lib/plain.ts'
import type { Code } from './state/rest.ts'

/** A text of the server, which begins with a small letter, as the start of a sentence. */
export const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** The title of an error code: ours, else the server’s, else the code in words. */
export function titleOf(code: string, told = ''): string {
  if (code !== '' && Object.hasOwn(titles, code)) return titles[code] as string
  return capitalized(plain(told || code.replaceAll('_', ' '))) || (titles[''] as string)
}

/** The hint for an error code: ours for this page, else the server’s. */
export const hintOf = (code: string, told: string): string =>
  Object.hasOwn(hints, code) ? (hints[code] as string) : told

/** The compiler reports a code without one. */
export const titles: Record<string, string> = {
  '': 'Unexpected response',
  server_away: 'Server not responding',
  invalid_username: 'Not a user name',
  bad_request: 'Invalid request',
  bad_config: 'Invalid settings',
  not_found: 'Not found',
  method_not_allowed: 'Not supported by this server',
  too_large: 'Too large',
  upgrade_required: 'Not a WebSocket',
  websocket_version: 'Unsupported WebSocket version',
  forbidden_host: 'Host not allowed',
  forbidden_origin: 'Page not allowed',
  unknown_position: 'Events no longer available',
  slow_consumer: 'Client too slow',
  capacity: 'Server is busy',
  no_replay: 'No replay running',
  other_generation: 'Event of an earlier lap',
  replay_running: 'A replay is running',
  room_running: 'A room is connected',
  port_in_use: 'Port in use',
  cannot_listen: 'Cannot listen on the address',
  recording_not_found: 'Recording not found',
  bad_recording: 'Not a recording',
  newer_recording: 'Recording of a newer version',
  bad_capture: 'Cannot be imported',
  output_exists: 'Name already taken',
  recording_busy: 'Recording in use',
  read_only_recording: 'Recording cannot be changed',
  recording_full: 'Recording is full',
  output_incomplete: 'File incomplete',
  overlay_conflict: 'Overlay already saved',
  overlays_damaged: 'File of overlays damaged',
  io: 'File cannot be read or written',
  rate_limited: 'Rate limited',
  user_not_found: 'User not found',
  user_offline: 'User is not live',
  age_restricted: 'Age restricted',
  blocked: 'Blocked by TikTok',
  sign_unauthorized: 'Sign server rejected the key',
  sign_failed: 'Sign server failed',
  sign_empty: 'Empty response from the sign server',
  handshake_refused: 'TikTok rejected the connection',
  unauthorized: 'Not authorized',
  read_only_token: 'Your token can only read',
  inject_refused: 'Cannot inject into a live room',
  too_few_clients: 'Too few clients',
  connection_lost: 'Connection lost',
  dns_failed: 'Server name not found',
  offline_mode: 'livetape is set to work offline',
  upstream_flood: 'Too much data from the room',
  server_unreachable: 'Server not reachable',
  bad_message: 'Invalid message',
  unknown_room: 'Room not found',
  room_full: 'Room is full',
  room_exists: 'Room already exists',
  not_in_room: 'Not in the room',
  read_only_room: 'Room is read-only',
  rate_exceeded: 'Too many messages',
  client_id_taken: 'Client id taken',
  refused: 'Refused by the server',
  handler_failed: 'Refused, because the server failed',
  cluster_version: 'Cluster has another version',
  cluster_message: 'Unexpected message in the cluster',
  cluster_unreachable: 'Cluster not reachable',
  cluster_unowned: 'No node owns the channel',
  unconfirmed: 'Result unknown',
  shutting_down: 'Server is shutting down',
  too_few_requests: 'Command used neither the feed nor the mock',
  command_not_found: 'Command not found',
  command_not_executable: 'Command cannot be executed',
  unread_clients: 'Clients did not read to the end',
  browser_unreachable: 'No browser',
  not_a_browser: 'Not a browser',
  tab_not_found: 'No tab shows the LIVE',
  tab_ambiguous: 'Several tabs show the LIVE',
  tab_lost: 'Tab lost',
  tab_silent: 'The tab receives nothing',
} satisfies Record<Code | 'server_away' | '', string>

/** Replace the server’s hints, which name flags and addresses, where the page offers a better way. */
export const hints: Record<string, string> = {
  no_replay: 'load a recording from the list',
  replay_running: 'disconnect the replay first',
  room_running: 'disconnect the room, then try again',
  recording_not_found: 'reload the page to update the list of recordings',
  bad_recording: 'upload a .bin file that livetape recorded or imported',
  bad_capture: 'upload a HAR with WebSocket messages, a zipped HAR, mitmproxy flows or JSON lines',
  output_exists: 'choose another name, or delete the other recording first',
  rate_limited: 'wait, try another user, or start the server with a sign server key',
  user_offline: 'try again when they are live',
  age_restricted: 'start the server with the session cookie of an adult account',
  blocked: 'wait a while, or start the server with a proxy or a sign server',
  sign_unauthorized: 'check the key and plan of the sign server that livetape was started with',
  sign_failed: 'try again later',
  sign_empty: 'try again later',
  handshake_refused: 'try again later',
  inject_refused: 'disconnect the room, load a recording and inject into its replay',
  connection_lost: 'check the server’s network connection',
  dns_failed: 'check the server’s network connection and DNS',
}
