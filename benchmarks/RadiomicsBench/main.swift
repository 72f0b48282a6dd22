import CSupport
import Foundation
import Radiomics

// Our side of the radiomics benchmark: the features of files, images in parallel.
// radiomics-bench FILE…: a line with the seconds, then a line for each file: its path and every number, tabs between.

cx_calm_threads(CommandLine.unsafeArgv)
cx_set_threads(Int32(ProcessInfo.processInfo.environment["CHEXGEN_THREADS"] ?? "") ?? cx_threads())
let paths = Array(CommandLine.arguments.dropFirst())
let extractor = RadiomicsExtractor()
let start = DispatchTime.now().uptimeNanoseconds
do {
    let results = try extractor.features(paths: paths)
    print(Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
    for (path, result) in zip(paths, results) {
        let features = try result.get()
        print(([path] + (features.diagnostics + features.values).map { "\($0)" }).joined(separator: "\t"))
    }
} catch {
    FileHandle.standardError.write(Data("radiomics-bench: \(error)\n".utf8))
    exit(1)
}
