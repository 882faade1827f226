// Checked by the compiler only: the types of the public API.

import { createApp, decode, MockTikTok, readRecording, type LivetapeEvent, type Socket } from '@livetape/node'

export async function check(): Promise<void> {
  await using app = createApp({ port: 0, replay: 'demo', speed: 'max' })
  app.websocket('/chat', {
    onConnect: (socket) => socket.send(socket.clientId),
    onMessage: async (socket: Socket, message: string, roomId?: string) => ({ shouldCancel: message === roomId, modifiedEvent: { message: socket.id } }),
    onClose: (_, code: number, reason: string) => void [code, reason],
  })
  const { port }: { port: number } = await app.listen()
  for await (const event of app.events({ types: ['gift', 'chat'], since: 0 })) {
    if (event.type === 'gift') event.data.diamonds.toFixed(port)
    // @ts-expect-error other types of events are left out
    if (event.type === 'like') break
  }
  const all: LivetapeEvent[] = decode(Buffer.alloc(0))
  for await (const event of await readRecording('demo')) all.push(event)
  const room = app.getRoom('a')
  room?.createdAt.getTime()
  using mock = await MockTikTok.start({ toml: '' })
  mock.expect('ack', { min: 1 }).verify()
  // @ts-expect-error options are checked
  createApp({ prot: 1 })
  const log: string[] = []
  const open = new Set<Socket>()
  app.websocket('/any', {
    onConnect: (socket) => void open.add(socket),
    onMessage: (socket, message) => (message === 'x' ? socket.send(message) : undefined),
    onLeaveRoom: (_, room) => log.push(room),
  })
  app.websocket('/private', {
    protocols: ['chat'],
    onConnect: ({ url, headers, remoteAddress, protocol }) => ({ shouldContinue: headers.cookie !== undefined && [url, remoteAddress].includes(protocol) }),
  })
  createApp({ token: undefined, signal: undefined })
  await app.broadcast(new ArrayBuffer(1))
  // @ts-expect-error results are checked
  app.websocket('/x', { onMessage: () => ({ shouldCancl: true }) })
  // @ts-expect-error a result is a verdict or nothing
  app.websocket('/x', { onConnect: (socket) => open.add(socket) })
  // @ts-expect-error a result is a verdict or nothing
  app.websocket('/x', { onJoinRoom: (socket, room) => socket.joinRoom(room) })
  // @ts-expect-error a result is a verdict or nothing
  app.websocket('/x', { onMessage: async () => false })
  // @ts-expect-error messages are text or bytes
  await app.broadcast({})
}
