import Diffusion
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// One run of a scheduler, as diffusers did it.
struct SchedulerCase {
    let configuration: JSON
    /// The scheduler that a pipeline takes in place of its own.
    let other: String?
    let steps: Int
    /// A pipeline's own sigmas, and the tokens of its image, of flows.
    let given: [Float]?
    let tokens: Int?
    let eta: Double
    let seed: Int
    let timesteps: [Double]
    let sigmas: [Double]
    let initialNoiseSigma: Double
    let middle: [Double]
    let final: [Double]

    init?(_ json: JSON) {
        func list(_ key: String) -> [Double]? { json[key]?.array?.compactMap(\.number) }
        guard let configuration = json["config"], let steps = json["steps"]?.integer, let eta = json["eta"]?.number,
            let seed = json["seed"]?.integer, let timesteps = list("timesteps"), let sigmas = list("sigmas"),
            let first = json["init_noise_sigma"]?.number, let middle = list("middle"), let final = list("final")
        else { return nil }
        self.configuration = configuration
        other = json["other"]?.string
        self.steps = steps
        given = list("given")?.map { Float($0) }
        tokens = json["tokens"]?.integer
        self.eta = eta
        self.seed = seed
        self.timesteps = timesteps
        self.sigmas = sigmas
        initialNoiseSigma = first
        self.middle = middle
        self.final = final
    }

    /// The committed cases, and those of the file that CHEXGEN_SCHEDULER_CASES names.
    static func all() throws -> [SchedulerCase] {
        var paths = [Places.fixtures("diffusion/schedulers.json")]
        if let more = ProcessInfo.processInfo.environment["CHEXGEN_SCHEDULER_CASES"] { paths.append(more) }
        return try paths.flatMap { try JSON.read($0).array ?? [] }.compactMap(SchedulerCase.init)
    }

    func scheduler() throws -> any Scheduler {
        let own = try SchedulerConfiguration(configuration, name: "case")
        guard let other else { return try own.make(eta: eta) }
        return try own.changing(StableDiffusion.schedulerChanges).make(other)
    }

    func begin(_ scheduler: any Scheduler) throws {
        if let flow = scheduler as? any FlowScheduler {
            try flow.setTimesteps(steps, sigmas: given, tokens: tokens)
        } else {
            try scheduler.setTimesteps(steps)
        }
    }

    func noise() throws -> LatentNoise {
        try LatentNoise(seeds: [UInt64(seed), UInt64(seed + 1)], height: 2, width: 3, channels: 4)
    }
}

/// 0.1 x + sin t: the stand-in for a network.
func fakeModel(_ x: Tensor, _ timestep: Float) throws -> Tensor {
    try Tensor(x.array(Float.self).map { 0.1 * $0 + Float(sin(Double(timestep))) }, shape: x.shape)
}

/// The largest difference, relative to the largest value.
func difference(_ tensor: Tensor, _ expected: [Double]) throws -> Double {
    let values = try tensor.array(Float.self)
    guard values.count == expected.count else { return .infinity }
    let largest = expected.map(abs).max() ?? 1
    let worst = zip(values, expected).map { abs(Double($0) - $1) }.max() ?? 0
    return worst.isNaN ? .infinity : worst / max(largest, 1e-3)
}

@Suite("Schedulers against diffusers") struct SchedulerParityTests {
    @Test func timestepsSigmasAndTrajectoriesMatch() throws {
        let cases = try SchedulerCase.all()
        #expect(cases.count >= 82)
        for run in cases {
            let text = "\(run.other ?? "") \(run.configuration.text()) steps \(run.steps) eta \(run.eta)"
            let scheduler = try run.scheduler()
            try run.begin(scheduler)
            #expect(scheduler.timesteps.count == run.timesteps.count, "\(text)")
            // Karras' timesteps of Euler's method come from logarithms that NumPy rounds in its own way.
            let isSpread =
                run.configuration["use_karras_sigmas"] == .boolean(true)
                || run.configuration["use_exponential_sigmas"] == .boolean(true)
                || run.configuration["use_lu_lambdas"] == .boolean(true)
            for (ours, theirs) in zip(scheduler.timesteps, run.timesteps) {
                #expect(isSpread ? abs(Double(ours) - theirs) <= 1e-3 : ours == Float(theirs), "\(text)")
            }
            #expect(scheduler.sigmas.count == run.sigmas.count, "\(text)")
            for (ours, theirs) in zip(scheduler.sigmas, run.sigmas) {
                #expect(isSpread ? abs(Double(ours) - theirs) <= 3e-7 * theirs : ours == Float(theirs), "\(text)")
            }
            #expect(abs(Double(scheduler.initialNoiseSigma) - run.initialNoiseSigma) <= 3e-7 * run.initialNoiseSigma)
            // The stand-in's sine of a timestep of some hundreds shows the last digit of a timestep that is not whole.
            let tolerance = isSpread ? 3e-5 : 3e-6
            let noise = try run.noise()
            let scale = scheduler.initialNoiseSigma
            var sample = try Tensor.binary(.multiply, noise.next(), .number(Double(scale)))
            for (index, timestep) in scheduler.timesteps.enumerated() {
                let output = try fakeModel(scheduler.modelInput(sample), timestep)
                sample = try scheduler.step(
                    output, sample: sample, noise: scheduler.needsNoise ? noise.next() : nil)
                if index == scheduler.timesteps.count / 2 {
                    let error = try difference(sample, run.middle)
                    #expect(error <= tolerance, "middle of \(text)")
                }
            }
            let error = try difference(sample, run.final)
            #expect(error <= tolerance, "end of \(text)")
        }
    }

    @Test func aRestoredRunEndsInTheSameBits() throws {
        for run in try SchedulerCase.all() {
            let whole = try run.scheduler()
            try run.begin(whole)
            let count = whole.timesteps.count
            for cut in Set([0, 1, 2, 5, count / 2, count - 1, count]) where cut <= count {
                let noise = try run.noise()
                var sample = try noise.next()
                try run.begin(whole)
                var kept: (state: [String: Tensor], sample: Tensor, draws: Int)?
                for index in 0...count {
                    if index == cut { kept = (try whole.state(), try sample.clone(), noise.draws) }
                    if index == count { break }
                    let output = try fakeModel(whole.modelInput(sample), whole.timesteps[index])
                    sample = try whole.step(output, sample: sample, noise: whole.needsNoise ? noise.next() : nil)
                }
                let saved = try #require(kept)
                let resumed = try run.scheduler()
                try resumed.restore(saved.state)
                #expect(resumed.stepIndex == cut)
                let again = try run.noise()
                try again.seek(saved.draws)
                var other = saved.sample
                while resumed.stepIndex < resumed.timesteps.count {
                    let output = try fakeModel(resumed.modelInput(other), resumed.timesteps[resumed.stepIndex])
                    other = try resumed.step(output, sample: other, noise: resumed.needsNoise ? again.next() : nil)
                }
                #expect(try other.array(Float.self).map(\.bitPattern) == sample.array(Float.self).map(\.bitPattern))
            }
        }
    }
}
