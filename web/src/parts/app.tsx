import { away, readOnly } from '../state/server.ts'
import { texts } from '../texts.ts'
import { Help, Token } from './dialogs.tsx'
import { Connect } from './connect.tsx'
import { Drop } from './drop.tsx'
import { Feed } from './feed.tsx'
import { Header } from './header.tsx'
import { Inject } from './inject.tsx'
import { Mock } from './mock.tsx'
import { PlayQuestion, Recordings } from './recordings.tsx'
import { Snackbar } from './snackbar.tsx'
import { Source } from './source.tsx'
import { Start, isIdle } from './start.tsx'
import { Stats } from './stats.tsx'
import { Transport } from './transport.tsx'

export function App() {
  return (
    <>
      <a class="skip" href="#feed">{texts.skip}</a>
      <Header />
      <main class="layout">
        <div class="controls" inert={away.value}>
          <Connect />
          <div class="acting" inert={readOnly.value}>
            <Start />
            <Source />
            <Mock />
            <Transport />
          </div>
        </div>
        <Feed />
        <div class="side" inert={away.value}>
          {isIdle() && <Recordings key="recordings" />}
          <div key="inject" class="acting" inert={readOnly.value}>
            <Inject />
          </div>
          <Stats key="stats" />
          {!isIdle() && <Recordings key="recordings" />}
        </div>
      </main>
      <Drop />
      <Snackbar />
      <PlayQuestion />
      <Help />
      <Token />
    </>
  )
}
