// Proxies in the environment, which cannot reach the servers of this machine.

const LOOPBACK = ['localhost', '127.0.0.1', '::1']

/** Returns the variables with which a program reaches this machine without the proxy of the environment. What they have in `env` stays. */
export function direct(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const upper = env.NO_PROXY || env.no_proxy || ''
  const lower = env.no_proxy || env.NO_PROXY || ''
  return { NO_PROXY: withLoopback(upper), no_proxy: withLoopback(lower) }
}

/** Adds the names of this machine to a list of hosts. `*`, which means all hosts, stands alone. */
function withLoopback(hosts: string): string {
  if (hosts.trim() === '*') return hosts
  const listed = hosts.split(',').map((host) => host.trim().toLowerCase())
  return [...(hosts ? [hosts] : []), ...LOOPBACK.filter((name) => !listed.includes(name))].join(',')
}
