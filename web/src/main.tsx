import { render } from 'preact'
import { Connect } from './parts/connect.tsx'
import { Help, Token } from './parts/dialogs.tsx'
import { Feed } from './parts/feed.tsx'
import { Header } from './parts/header.tsx'
import { Inject } from './parts/inject.tsx'
import { listen } from './parts/keys.ts'
import { Mock } from './parts/mock.tsx'
import { Drop, PlayQuestion, Recordings, acceptDrops } from './parts/recordings.tsx'
import { Separator } from './parts/separator.tsx'
import { Snackbar } from './parts/snackbar.tsx'
import { Source } from './parts/source.tsx'
import { Start, isIdle } from './parts/start.tsx'
import { Stats } from './parts/stats.tsx'
import { Transport, followLinks } from './parts/transport.tsx'
import { start as startCase } from './state/case.ts'
import { start as startClients } from './state/clients.ts'
import { start as startFeed } from './state/feed.ts'
import { start as startMock } from './state/mock.ts'
import { start as startRecordings } from './state/recordings.ts'
import { away, readOnly, startFeatures, start as startServer } from './state/server.ts'
import { startMetrics, startTruth } from './state/stats.ts'
import './state/theme.ts'
import { texts } from './texts.ts'

function App() {
  return (
    <>
      <a class="skip" href="#feed">{texts.skip}</a>
      <Header />
      <main class="layout">
        <div class="controls" inert={away.value}>
          <Start />
          <div class="acting" inert={readOnly.value}>
            <Source />
            <Mock />
            <Transport />
          </div>
        </div>
        <Feed />
        <Separator pane="side" />
        <div class="side" inert={away.value}>
          <Connect key="connect" />
          {isIdle() && <Recordings key="recordings" />}
          {!isIdle() && <Stats key="stats" />}
          <div key="inject" class="acting" inert={readOnly.value}>
            <Inject />
          </div>
          {isIdle() ? <Stats key="stats" /> : <Recordings key="recordings" />}
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

render(<App />, document.body)
listen()
acceptDrops()
followLinks()
startFeed()
startRecordings()
startFeatures()
startMetrics()
startClients()
startCase()
startMock()
startTruth()
void startServer()
