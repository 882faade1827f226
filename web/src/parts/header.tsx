import { countdown, duration } from '../lib/format.ts'
import { changesToken, needsToken, url } from '../state/api.ts'
import { reconnect, view } from '../state/feed.ts'
import { clientCount } from '../state/clients.ts'
import { away, features, health, mode as current, now, readOnly } from '../state/server.ts'
import { nextTheme, theme } from '../state/theme.ts'
import { texts } from '../texts.ts'
import { IconButton } from './buttons.tsx'
import { showHelp } from './dialogs.tsx'
import { Icon, Mark } from './icons.tsx'

export function Header() {
  const mode = current.value
  return (
    <header>
      <div class="bar">
        <h1 class="brand">
          <Mark />
          {texts.name}
        </h1>
        {features.value.overlays && (
          <nav aria-label={texts.header.pages}>
            <a href={url('')} aria-current="page">{texts.header.dashboard}</a>
            <a href={url('overlays/')}>{texts.header.overlays}</a>
            <a href={url('try')}>{texts.header.rooms}</a>
          </nav>
        )}
        {mode && <span class={`pill mode-${mode}`}>{texts.header.mode[mode] ?? mode}</span>}
        <Link />
        <span class="space" />
        <Facts />
        <IconButton icon={theme.value === 'light' ? 'sun' : theme.value === 'dark' ? 'moon' : 'auto'} label={texts.theme[theme.value]} onClick={nextTheme} />
        <button type="button" class="icon-button" aria-label={texts.header.help} title={`${texts.header.help} (?)`} onClick={showHelp}>
          <Icon name="help" />
        </button>
      </div>
      {away.value && (
        <p class="banner" role="alert">
          <strong>{texts.link.away}.</strong> {texts.link.awayDetails}
        </p>
      )}
      {readOnly.value && !away.value && (
        <p class="banner" role="status">
          <strong>{texts.link.readOnly}.</strong>{' '}
          <button type="button" class="link" onClick={() => (changesToken.value = true)}>{texts.link.anotherToken}</button>
        </p>
      )}
    </header>
  )
}

function Facts() {
  const facts = health.value
  // Without an answer they would be out of date.
  if (!facts || away.value) return null
  return (
    <p class="facts">
      <span title={texts.connect.whatCounts}>{texts.connect.clients(clientCount.value)}</span>
      <span>{texts.header.uptime(duration(Math.max(1, facts.uptime) * 1000))}</span>
      <span>{texts.header.version(facts.version)}</span>
    </p>
  )
}

/** State of the feed’s connection, with a button to reconnect. */
function Link() {
  const link = view.value?.link
  if (!link) return <span class="pill link-connecting">{texts.link.connecting}</span>
  // A server that hangs keeps its sockets open, so an open socket proves nothing.
  const state = link.state === 'open' && away.value ? 'silent' : link.state
  const say = {
    connecting: texts.link.connecting,
    open: texts.link.open,
    silent: texts.link.silent,
    waiting: texts.link.waiting(countdown(link.retryAt - now.value)),
    over: texts.link.over,
  }[state]
  const isDown = link.state === 'waiting' || link.state === 'over'
  return (
    <>
      <span class={`pill link-${state}`} title={link.code > 0 ? texts.link.closeReason(link.code, link.reason) : ''}>
        <span class="dot" />
        <span class="pill-text">{say}</span>
      </span>
      {isDown && !needsToken.value && (
        <button type="button" class="button small" onClick={reconnect}>{texts.link.retry}</button>
      )}
    </>
  )
}
