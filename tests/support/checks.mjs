// Runs the checks of a chore, prints a line for each, and counts the failures.

let failures = 0

export async function check(name, act) {
  try {
    console.log(`ok   ${name}: ${await act()}`)
  } catch (error) {
    failures += 1
    console.log(`FAIL ${name}: ${error.stack}\n${error.stderr ?? ''}`)
  }
}

/** Prints the result, and exits with it. */
export function finish(success) {
  console.log(failures === 0 ? success : `${failures} checks failed`)
  process.exit(failures === 0 ? 0 : 1)
}
