/**
 * The least time of the processor, in milliseconds, that some synchronous work took in a few tries: what else the machine has to
 * do does not count, nor does compiling.
 */
export const processorTime = (work: () => void, tries = 3): number =>
  Math.min(...Array.from({ length: tries }, () => {
    const before = process.cpuUsage()
    work()
    const { system, user } = process.cpuUsage(before)
    return (user + system) / 1000
  }))
