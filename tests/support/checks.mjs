// Runs the checks of a chore, prints a line for each, and counts the failures.

let [checks, failures] = [0, 0]

export async function check(name, act) {
  checks += 1
  try {
    console.log(`ok   ${name}: ${await act()}`)
  } catch (error) {
    failures += 1
    console.log(`FAIL ${name}: ${error.stack}\n${error.stderr ?? ''}`)
  }
}

/** Prints the result, and exits with it. Without checks, nothing has passed. */
export function finish(success) {
  const passed = checks > 0 && failures === 0
  console.log(passed ? success : `${failures} of ${checks} checks failed`)
  process.exit(passed ? 0 : 1)
}
