// `node formula.mjs OWNER/REPOSITORY SHA256SUMS`: prints the Homebrew formula for the archives of a release.

import { readFile } from 'node:fs/promises'

/** Blocks of a formula, and the target triples of their archives. */
const SYSTEMS = {
  on_macos: { on_arm: 'aarch64-apple-darwin', on_intel: 'x86_64-apple-darwin' },
  on_linux: { on_arm: 'aarch64-unknown-linux-gnu', on_intel: 'x86_64-unknown-linux-gnu' },
}

const [repository, file] = process.argv.slice(2)
const sums = await readFile(file, 'utf8')
const [, version] = /  livetape-(\d\S*?)-[a-z]\w*-\w+-\S+\.tar\.gz$/m.exec(sums)

function download(processor, target) {
  const archive = `livetape-${version}-${target}.tar.gz`
  const sum = sums.split('\n').find((line) => line.endsWith(`  ${archive}`))?.split(' ')[0]
  return sum && `    ${processor} do
      url "https://github.com/${repository}/releases/download/v${version}/${archive}"
      sha256 "${sum}"
    end\n`
}

const systems = Object.entries(SYSTEMS).map(([system, processors]) => {
  const downloads = Object.entries(processors).map(([processor, target]) => download(processor, target)).filter(Boolean)
  return downloads.length > 0 && `  ${system} do\n${downloads.join('')}  end\n\n`
})

console.log(`class Livetape < Formula
  desc "Record a TikTok LIVE once, then test your overlay, bot or game offline"
  homepage "https://github.com/${repository}"
  version "${version}"
  license any_of: ["MIT", "Apache-2.0"]

${systems.filter(Boolean).join('')}  def install
    bin.install "livetape"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/livetape.bash" => "livetape"
    fish_completion.install "completions/livetape.fish"
    zsh_completion.install "completions/_livetape"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/livetape --version")
    assert_match "gift", shell_output("#{bin}/livetape events demo")
  end
end`)
