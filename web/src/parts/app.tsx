import { away } from '../state/server.ts'
import { texts } from '../texts.ts'
import { Help, Token } from './dialogs.tsx'
import { Feed } from './feed.tsx'
import { Header } from './header.tsx'
import { Inject } from './inject.tsx'
import { Recordings } from './recordings.tsx'
import { Snackbar } from './snackbar.tsx'
import { Source } from './source.tsx'
import { Stats } from './stats.tsx'
import { Transport } from './transport.tsx'

export function App() {
  return (
    <>
      <a class="skip" href="#feed">{texts.skip}</a>
      <Header />
      <main class="layout">
        <div class="controls" inert={away.value}>
          <Source />
          <Transport />
        </div>
        <Feed />
        <div class="side" inert={away.value}>
          <Stats />
          <Inject />
          <Recordings />
        </div>
      </main>
      <Snackbar />
      <Help />
      <Token />
    </>
  )
}
