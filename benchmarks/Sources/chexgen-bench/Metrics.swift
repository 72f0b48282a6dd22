import Foundation
import Metrics
import Tensors

/// `WORK REAL SYNTHETIC ROWS COLUMNS`: a metric of two files of f32 features; `nearest DATABASE QUERIES ROWS COLUMNS QUERY-ROWS`.
func benchMetrics(_ arguments: [String]) throws {
    guard arguments.count == (arguments.first == "nearest" ? 6 : 5), let rows = Int(arguments[3]),
        let columns = Int(arguments[4])
    else { throw Usage() }
    let real = try features(arguments[1], rows, columns)
    let synthetic = try features(arguments[2], arguments.count == 6 ? Int(arguments[5]) ?? 0 : rows, columns)
    try serve { try metric(arguments[0], real, synthetic) }
}

private func features(_ path: String, _ rows: Int, _ columns: Int) throws -> Tensor {
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

private func metric(_ work: String, _ real: Tensor, _ synthetic: Tensor) throws -> [Double] {
    switch work {
    case "fid": return [try FrechetDistance.distance(real, synthetic)]
    case "moments":
        let moments = try Moments(dimension: real.shape[1])
        try moments.update(real)
        return [try moments.mean().array(Double.self)[0]]
    case "fid-moments":
        let (first, second) = (try Moments(dimension: real.shape[1]), try Moments(dimension: real.shape[1]))
        try first.update(real)
        try second.update(synthetic)
        return [try FrechetDistance.distance(first, second)]
    case "kid":
        var options = KernelInceptionDistance.Options()
        options.subsetSize = min(1000, real.shape[0] / 2)
        let score = try KernelInceptionDistance.score(real, synthetic, options)
        return [score.mean, score.std]
    case "prdc":
        let score = try PRDC.score(real, synthetic)
        return [score.precision, score.recall, score.density, score.coverage]
    case "nearest":
        let distances = try NearestNeighbours.search(synthetic, real, k: 5).distances
        return try [distances, distances.narrow(1, 0, 1)].map {
            try $0.to(.f64).contiguous().array(Double.self).reduce(0, +)
        }
    default: throw Usage()
    }
}
