import { render } from 'preact'
import { App } from './parts/app.tsx'
import { listen } from './parts/keys.ts'
import { askFeatures } from './state/features.ts'
import { start as startFeed } from './state/feed.ts'
import { start as startRecordings } from './state/recordings.ts'
import { start as startServer } from './state/server.ts'
import './state/theme.ts'

render(<App />, document.body)
listen()
startFeed()
startRecordings()
void startServer()
void askFeatures()
