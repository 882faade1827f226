import { render } from 'preact'
import { App } from './parts/app.tsx'
import { acceptDrops } from './parts/drop.tsx'
import { listen } from './parts/keys.ts'
import { followLinks } from './parts/transport.tsx'
import { start as startClients } from './state/clients.ts'
import { start as startFeatures } from './state/features.ts'
import { start as startFeed } from './state/feed.ts'
import { start as startMetrics } from './state/metrics.ts'
import { start as startMock } from './state/mock.ts'
import { start as startRecordings } from './state/recordings.ts'
import { start as startServer } from './state/server.ts'
import { start as startTruth } from './state/truth.ts'
import './state/theme.ts'

render(<App />, document.body)
listen()
acceptDrops()
followLinks()
startFeed()
startRecordings()
startFeatures()
startMetrics()
startClients()
startMock()
startTruth()
void startServer()
