import Diffusion
import Foundation
import Tensors
import TestSupport
import Testing

/// Pictures one after the other, without a script.
@Suite struct GenerationTests {
    private func options(_ prompts: [String]) -> GenerationOptions {
        GenerationOptions(
            prompts: prompts, seeds: prompts.indices.map { UInt64($0 + 3) },
            GenerationDefaults(steps: 5, guidanceScale: 7.5, width: 8, height: 12, sizeUnit: 2))
    }

    @Test func everyPictureIsThatOfItsOwnRun() throws {
        let pipeline = try DiffusionPipeline.standIn()
        let options = options(["a", "b"])
        var pictures: [[UInt8]] = []
        var moments: [[Int]] = []
        try Generation(pipeline, options).run { moment in
            #expect(moment.latents.shape == [1, 6, 4, 4] && !moment.isResumed)
            moments.append([moment.picture, moment.step, moment.steps])
        } finished: { index, picture in
            #expect(index == pictures.count && picture.shape == [12, 8, 3])
            pictures.append(try picture.array(UInt8.self))
        }
        #expect(moments == [0, 1].flatMap { picture in (1...6).map { [picture, $0, 6] } })
        for index in 0..<2 {
            let process = try pipeline.begin(options.one(index))
            while !process.isDone { try process.advance() }
            #expect(try pipeline.finish(process, isTiled: false).array(UInt8.self) == pictures[index])
        }
    }

    @Test func aStateIsTakenUpAndRemoved() throws {
        let folder = try Scratch()
        let pipeline = try DiffusionPipeline.standIn()
        let options = options(["a"])
        var whole: [UInt8] = []
        try Generation(pipeline, options).run { whole = try $1.array(UInt8.self) }

        let process = try pipeline.begin(options.one(0))
        for _ in 0..<4 { try process.advance() }
        let path = folder.path + "/state.safetensors"
        try SavedProcess.write(process, identity: pipeline.identity + options.one(0).identity(), to: path)
        var generation = Generation(pipeline, options)
        generation.statePath = path
        var seen: [(step: Int, isResumed: Bool)] = []
        try generation.run {
            seen.append(($0.step, $0.isResumed))
        } finished: { _, picture in
            let bytes = try picture.array(UInt8.self)
            #expect(bytes == whole)
        }
        #expect(seen.map(\.step) == [4, 5, 6] && seen.map(\.isResumed) == [true, false, false])
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func anErrorOfTheWatcherEndsTheRun() throws {
        struct Enough: Error {}
        let denoiser = FormulaDenoiser()
        let pipeline = try DiffusionPipeline.standIn(denoiser)
        var finished = 0
        #expect(throws: Enough.self) {
            try Generation(pipeline, options(["a", "b"])).run { moment in
                if moment.picture == 1, moment.step == 2 { throw Enough() }
            } finished: { _, _ in
                finished += 1
            }
        }
        #expect(finished == 1 && denoiser.calls.count == 8)
    }
}
