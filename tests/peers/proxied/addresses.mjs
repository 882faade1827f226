// What each program requests. Only its environment leads it to the mock.

export const LOOKUP = 'https://www.tiktok.com/api-live/user/room/?aid=1988&uniqueId=demo&sourceType=54'
export const ROOM = 'https://webcast.tiktok.com/webcast/room/info/?room_id='
export const SIGN = 'https://tiktok.eulerstream.com/webcast/fetch?client=test&room_id='
export const SOCKET = 'wss://webcast-ws.tiktok.com/webcast/im/ws_proxy/ws_reuse_supplement/?aid=1988&room_id='
/** A host that the mock does not answer for. */
export const OTHER = 'https://example.com/'
