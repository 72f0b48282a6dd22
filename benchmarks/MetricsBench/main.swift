import CSupport
import Foundation
import Metrics
import Tensors

/// One timing of a metric on features in `.npy`-like raw files: `metrics-bench WORK real.f32 synthetic.f32 ROWS COLUMNS`.
/// Prints the seconds of the computation alone and the value, for `benchmarks/metrics.py`.
func features(_ path: String, _ rows: Int, _ columns: Int) throws -> Tensor {
    let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    let tensor = try Tensor(uninitialized: [rows, columns], .f32)
    guard data.count == tensor.storage.byteCount else {
        throw MetricError.value(metric: "bench", message: "\(path) holds \(data.count) bytes")
    }
    data.withUnsafeBytes { source in
        if let base = source.baseAddress { tensor.pointer.copyMemory(from: base, byteCount: data.count) }
    }
    return tensor
}

/// The process's largest resident size so far, in MiB. (`getrusage` would count the parent's pages before `exec`.)
func peakMemory() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
        return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) / 1024
    }
    return 0
}

func run(_ work: String, _ real: Tensor, _ synthetic: Tensor) throws -> String {
    switch work {
    case "fid": return "\(try FrechetDistance.distance(real, synthetic))"
    case "moments":
        let moments = try Moments(dimension: real.shape[1])
        try moments.update(real)
        return "\(try moments.mean().array(Double.self)[0])"
    case "fid-moments":
        let (first, second) = (try Moments(dimension: real.shape[1]), try Moments(dimension: real.shape[1]))
        try first.update(real)
        try second.update(synthetic)
        return "\(try FrechetDistance.distance(first, second))"
    case "kid":
        var options = KernelInceptionDistance.Options()
        options.subsetSize = min(1000, real.shape[0] / 2)
        let score = try KernelInceptionDistance.score(real, synthetic, options)
        return "\(score.mean) \(score.std)"
    case "prdc":
        let score = try PRDC.score(real, synthetic)
        return "\(score.precision) \(score.recall) \(score.density) \(score.coverage)"
    default: throw MetricError.value(metric: "bench", message: "no work named \(work)")
    }
}

cx_calm_threads(CommandLine.unsafeArgv)
let arguments = CommandLine.arguments
guard arguments.count == 6, let rows = Int(arguments[4]), let columns = Int(arguments[5]) else {
    print("usage: metrics-bench fid|fid-moments|moments|kid|prdc REAL SYNTHETIC ROWS COLUMNS")
    exit(2)
}
do {
    let real = try features(arguments[2], rows, columns)
    let synthetic = try features(arguments[3], rows, columns)
    // The first call pays for threads and for the first touch of memory, as the peer's first call does.
    let repeats = rows <= 5000 ? 2 : 1
    for _ in 0..<repeats {
        let start = DispatchTime.now().uptimeNanoseconds
        let value = try run(arguments[1], real, synthetic)
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
        print(String(format: "%.4f", seconds), try peakMemory(), value)
    }
} catch {
    print("error: \(error)")
    exit(1)
}
