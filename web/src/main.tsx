import { render } from 'preact'
import { App } from './parts/app.tsx'
import { refuseDrops } from './parts/drops.ts'
import { listen } from './parts/keys.ts'
import { start as startFeatures } from './state/features.ts'
import { start as startFeed } from './state/feed.ts'
import { start as startMetrics } from './state/metrics.ts'
import { start as startRecordings } from './state/recordings.ts'
import { start as startServer } from './state/server.ts'
import './state/theme.ts'

render(<App />, document.body)
listen()
refuseDrops()
startFeed()
startRecordings()
startFeatures()
startMetrics()
void startServer()
