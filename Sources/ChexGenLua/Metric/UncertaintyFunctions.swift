import LuaRuntime
import Metrics
import Tensors

/// `metric.bootstrap` and `metric.floor`: how sure a number is, and what perfect images would get.
enum UncertaintyFunctions {
    private static let known = ["fid", "kid", "precision", "recall", "density", "coverage"]

    private static let sharedOptions: [LuaParameter] = [
        LuaParameter("metrics", .list(.string), "Some of \(known.joined(separator: ", "))."),
        LuaParameter("groups", .list(.any), optional: true, "The patient of every real row; kept together."),
        LuaParameter("k", .integer, default: .integer(5), "The neighbour of precision and its kin."),
        MetricModule.seedOption,
    ]

    static let all: [LuaFunctionDeclaration] = [
        LuaFunctionDeclaration(
            "bootstrap",
            [
                LuaParameter("real", .object("Tensor"), "Features of real images."), MetricModule.synthetic,
                MetricModule.options(
                    sharedOptions + [
                        LuaParameter("replicates", .integer, default: .integer(100), "How many resamples."),
                        LuaParameter("level", .number, default: .number(0.95), "The interval's coverage."),
                    ]),
            ],
            returns: [
                LuaResult(
                    "intervals", .dictionary(.table),
                    "For every metric `low`, `high`, `estimate`, `mean`, `std` and `replicates`.")
            ],
            "Intervals by resampling images, or patients with all their images. The interval of a distance is the basic "
                + "bootstrap's, which takes out the upward bias of resamples; the others are percentiles."
        ) { arguments in
            let given = try arguments.options("options")
            let real = try FeatureSet(arguments.tensor("real"), name: "real", metric: "bootstrap")
            let synthetic = try FeatureSet(arguments.tensor("synthetic"), name: "synthetic", metric: "bootstrap")
            let patients = try groups(given)
            var options = Bootstrap.Options()
            options.replicates = try given.integer("replicates")
            options.level = try given.number("level")
            options.seed = try MetricModule.seed(given)
            let names = try metrics(given)
            var found: [String: Bootstrap.Interval] = [:]
            if names.contains("fid") {
                found["fid"] = try Bootstrap.frechetDistance(real, synthetic, realGroups: patients, options)
            }
            if names.contains("kid") {
                found["kid"] = try Bootstrap.kernelInceptionDistance(real, synthetic, realGroups: patients, options)
            }
            if names.contains(where: { !["fid", "kid"].contains($0) }) {
                let scores = try Bootstrap.prdc(
                    real, synthetic, k: given.integer("k"), realGroups: patients, options)
                found["precision"] = scores.precision
                found["recall"] = scores.recall
                found["density"] = scores.density
                found["coverage"] = scores.coverage
            }
            return [
                .fields(
                    names.compactMap { name in
                        found[name].map { (name, fields(of: $0, isDistance: ["fid", "kid"].contains(name))) }
                    })
            ]
        },
        LuaFunctionDeclaration(
            "floor",
            [
                LuaParameter("real", .object("Tensor"), "Features of real images."),
                MetricModule.options(
                    sharedOptions + [
                        LuaParameter("splits", .integer, default: .integer(4), "How many random halvings."),
                        LuaParameter(
                            "size", .integer, optional: true, "Images a side; at most, and by default, half of them."),
                    ]),
            ],
            returns: [
                LuaResult("values", .dictionary(.number), "The mean of every metric; `size` is how many images a side.")
            ],
            "What a metric would be for perfect images: real against real, disjoint and without shared patients. A metric that "
                + "the halves are too small for is left out."
        ) { arguments in
            let given = try arguments.options("options")
            let real = try FeatureSet(arguments.tensor("real"), name: "real", metric: "floor")
            let patients = try groups(given)
            let size = given.has("size") ? try given.integer("size") : real.rows / 2
            guard size >= 1 || !given.has("size") else { throw given.fail("size", "wanted 1 or more, got \(size)") }
            let (splits, seed) = (try given.integer("splits"), try MetricModule.seed(given))
            guard (1...100_000).contains(splits) else {
                throw given.fail("splits", "wanted 1 to 100000, got \(splits)")
            }
            if let patients, patients.rows != real.rows {
                throw given.fail("groups", "wanted one for each of the \(real.rows) rows, got \(patients.rows)")
            }
            let names = try metrics(given)
            var found: [String: Floor.Value] = [:]
            let halves = smallestHalf(of: patients, rows: real.rows, size: size, splits: splits, seed: seed)
            if names.contains("fid"), halves >= 2 {
                found["fid"] = try Floor.frechetDistance(
                    real, size: size, groups: patients, splits: splits, seed: seed)
            }
            if names.contains("kid"), halves >= 2 {
                found["kid"] = try Floor.kernelInceptionDistance(
                    real, size: size, groups: patients, splits: splits, seed: seed)
            }
            let k = try given.integer("k")
            if names.contains(where: { !["fid", "kid"].contains($0) }), halves > k {
                let scores = try Floor.prdc(
                    real, size: size, groups: patients, k: k, splits: splits, seed: seed)
                found["precision"] = scores.precision
                found["recall"] = scores.recall
                found["density"] = scores.density
                found["coverage"] = scores.coverage
            }
            var fields = names.compactMap { name in found[name].map { (name, LuaValue.number($0.mean)) } }
            if let smallest = found.values.map(\.size).min() { fields.append(("size", .integer(smallest))) }
            return [.fields(fields)]
        },
    ]

    static func fields(of interval: Bootstrap.Interval, isDistance: Bool) -> LuaValue {
        let (low, high) = isDistance ? interval.basic : (interval.low, interval.high)
        return .fields([
            ("low", .number(low)), ("high", .number(high)), ("estimate", .number(interval.estimate)),
            ("mean", .number(interval.mean)), ("std", .number(interval.std)),
            ("replicates", .integer(interval.replicates)),
        ])
    }

    private static func metrics(_ options: LuaArguments) throws -> [String] {
        try options.list("metrics").map { value in
            guard let name = value.stringValue, known.contains(name) else {
                let got = value.stringValue.map { "\"\($0)\"" } ?? value.kind
                throw options.fail("metrics", "wanted some of \(known.joined(separator: ", ")), got \(got)")
            }
            return name
        }
    }

    /// The rows of the smaller half in any of the splits.
    private static func smallestHalf(of patients: RowGroups?, rows: Int, size: Int, splits: Int, seed: UInt32) -> Int {
        var smallest = rows
        let sizes = try? Floor.measure(
            groups: patients ?? RowGroups(rows: rows), size: size, splits: splits, seed: seed
        ) { first, second in
            smallest = min(smallest, first.count, second.count)
            return 0
        }
        return sizes == nil ? 0 : smallest
    }

    /// The `groups` option, where it is given.
    static func groups(_ options: LuaArguments) throws -> RowGroups? {
        guard options.has("groups") else { return nil }
        let keys = try options.list("groups").enumerated().map { item in
            // A row without a patient stands for itself.
            item.element.stringValue ?? item.element.integerValue.map(String.init) ?? "row \(item.offset)"
        }
        return RowGroups(keys)
    }
}
