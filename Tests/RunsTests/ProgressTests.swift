import Foundation
import Runs
import Testing

@Suite struct ProgressTests {
    @Test func oddCountsDoNoHarm() {
        for total in [-1, 0, 1, 10, .max] {
            let progress = Runs.Progress(total: total, label: "embedding", console: quietConsole)
            progress.skip(-1)
            progress.skip(2)
            for step in [0, -5, 3, .max, .max] { progress.step(step, note: "image 1 of 2") }
            progress.skip(.max)
            progress.finish()
            progress.finish()
            progress.step()
        }
    }
}
