import Diffusion
import Files
import Tensors
import TestSupport
import Testing

func configuration(_ text: String) throws -> SchedulerConfiguration {
    try SchedulerConfiguration(JSON.parse(text, name: "scheduler_config.json"), name: "scheduler_config.json")
}

@Suite("Bad scheduler configurations and calls") struct SchedulerErrorTests {
    @Test func badConfigurationsAreRefused() {
        let bad: [(String, String)] = [
            ("[]", "wanted a JSON object"),
            ("{}", "_class_name"),
            (#"{"_class_name": 3}"#, "wanted a string"),
            (#"{"_class_name": "MagicScheduler"}"#, "DPMSolverMultistepScheduler"),
            (#"{"_class_name": "HeunDiscreteScheduler"}"#, "dpm_solver_multistep"),
            (#"{"_class_name": "HeunDiscreteScheduler", "beta_start": 2}"#, "beta_start"),
            (#"{"_class_name": "DDPMScheduler", "variance_type": "learned_range"}"#, "fixed_small"),
            (#"{"_class_name": "DDIMScheduler", "prediction_typ": "epsilon"}"#, "did you mean \"prediction_type\""),
            (#"{"_class_name": "DDIMScheduler", "prediction_type": "noise"}"#, "v_prediction"),
            (#"{"_class_name": "DDIMScheduler", "prediction_type": 3}"#, "prediction_type"),
            (#"{"_class_name": "DDIMScheduler", "beta_schedule": "sigmoid"}"#, "scaled_linear"),
            (#"{"_class_name": "DDIMScheduler", "beta_start": "a"}"#, "beta_start"),
            (#"{"_class_name": "DDIMScheduler", "beta_start": 1e300}"#, "beta_start"),
            (#"{"_class_name": "DDIMScheduler", "num_train_timesteps": 0}"#, "num_train_timesteps"),
            (#"{"_class_name": "DDIMScheduler", "num_train_timesteps": 1e18}"#, "num_train_timesteps"),
            (#"{"_class_name": "DDIMScheduler", "steps_offset": -1}"#, "steps_offset"),
            (#"{"_class_name": "DDIMScheduler", "thresholding": true}"#, "not supported"),
            (#"{"_class_name": "DDIMScheduler", "clip_sample": 1}"#, "true or false"),
            (#"{"_class_name": "DDIMScheduler", "trained_betas": [0.1]}"#, "1000 numbers"),
            (#"{"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": true}"#, "without signal"),
            (#"{"_class_name": "PNDMScheduler", "prediction_type": "sample"}"#, "does not know"),
            (#"{"_class_name": "EulerDiscreteScheduler", "timestep_type": "continuous"}"#, "timestep_type"),
            (#"{"_class_name": "EulerDiscreteScheduler", "use_beta_sigmas": true}"#, "not supported"),
            (
                #"""
                {"_class_name": "EulerDiscreteScheduler", "use_karras_sigmas": true, "use_exponential_sigmas": true}
                """#, "together"
            ),
            (#"{"_class_name": "DPMSolverMultistepScheduler", "solver_order": 4}"#, "solver_order"),
            (#"{"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver"}"#, "dpmsolver++"),
            (#"{"_class_name": "DPMSolverMultistepScheduler", "variance_type": "learned_range"}"#, "variance"),
            (#"{"_class_name": "FlowMatchEulerDiscreteScheduler", "use_beta_sigmas": true}"#, "not supported"),
            (#"{"_class_name": "FlowMatchEulerDiscreteScheduler", "time_shift_type": "cubic"}"#, "exponential"),
            (#"{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 0}"#, "shift"),
            (
                #"""
                {"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true, "max_image_seq_len": 256}
                """#, "base_image_seq_len"
            ),
        ]
        for (text, part) in bad {
            let found = message { _ = try configuration(text).make() }
            #expect(found.contains("scheduler_config.json"), "\(text)")
            #expect(found.contains(part), "\(text): \(found)")
        }
        #expect(
            message { _ = try SchedulerConfiguration(path: "/nowhere/scheduler_config.json") }.contains("no such file"))
        #expect(message { _ = try SchedulerRegistry.standard.entry(named: "lcm") }.contains("euler_ancestral"))
    }

    @Test func whatIsWrongForOneSchedulerMayDoForAnother() throws {
        // The folder opens; only the scheduler that cannot take the options says so.
        for (text, part) in [
            (
                #"{"_class_name": "LMSDiscreteScheduler", "beta_end": 0.012}"#,
                "LMSDiscreteScheduler, is not implemented"
            ),
            (#"{"_class_name": "UniPCMultistepScheduler", "beta_end": 0.012, "predict_x0": true}"#, "not implemented"),
            (
                #"{"_class_name": "DPMSolverMultistepScheduler", "beta_end": 0.012, "algorithm_type": "dpmsolver"}"#,
                "dpmsolver++"
            ),
            (
                #"{"_class_name": "DDPMScheduler", "beta_end": 0.012, "variance_type": "fixed_large_log"}"#,
                "fixed_large"
            ),
        ] {
            let read = try configuration(text)
            #expect(message { _ = try read.make() }.contains(part), "\(message { _ = try read.make() })")
            let ddim = try read.make("ddim")
            #expect(ddim.name == "DDIMScheduler" && ddim.trainTimesteps == 1000)
        }
    }

    @Test func unknownKeysThatAreOffAreNoted() throws {
        let read = try configuration(
            #"{"_class_name": "PNDMScheduler", "from_a_newer_version": false, "another": null, "skip_prk_steps": true}"#
        )
        #expect(read.notes.count == 1 && read.notes[0].contains("from_a_newer_version"))
        #expect(try read.make().name == "PNDMScheduler")
        #expect(
            message { _ = try configuration(#"{"_class_name": "DDIMScheduler", "clip_samle": false}"#) }
                .contains("did you mean \"clip_sample\""))
        #expect(
            message { _ = try configuration(#"{"_class_name": "PNDMScheduler", "from_a_newer_version": true}"#) }
                .contains("may change the result"))
    }

    @Test func aSchedulerFromOutsideIsAnEntry() throws {
        let name = "OutsideScheduler"
        var known = SchedulerRegistry.standard
        try known.add(
            SchedulerEntry(name, "outside") { reader, _ in
                _ = try reader.integer("outside_order", 1...3, default: 1)
                return HalvingScheduler()
            })
        func configuration(_ text: String) throws -> SchedulerConfiguration {
            try SchedulerConfiguration(JSON.parse(text, name: "x"), name: "x", known)
        }
        let own = try configuration(#"{"_class_name": "OutsideScheduler", "outside_order": 2}"#)
        #expect(try own.make().name == name && own.notes.isEmpty)
        #expect(try configuration(#"{"_class_name": "DDIMScheduler"}"#).make("outside").name == name)
        #expect(
            message { _ = try configuration(#"{"_class_name": "OutsideScheduler", "outside_odrer": 2}"#) }.contains(
                "outside_order"))
        #expect(throws: RegistryError.self) {
            try known.add(SchedulerEntry("Another", "outside") { _, _ in HalvingScheduler() })
        }
    }

    @Test func publishedConfigurationsAreRead() throws {
        // Keys of other schedulers stand in real files, and change nothing.
        let read = try configuration(
            #"""
            {"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012, "clip_sample": false,
             "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000, "steps_offset": 1,
             "set_alpha_to_one": false, "skip_prk_steps": true, "trained_betas": null}
            """#)
        #expect(read.className == "PNDMScheduler" && read.notes.isEmpty)
        let scheduler = try read.make()
        try scheduler.setTimesteps(50)
        #expect(scheduler.timesteps.count == 51)
        #expect(scheduler.timesteps.prefix(4) == [981, 961, 961, 941] && scheduler.timesteps.last == 1)
        // Its own scheduler takes what the pipeline alters, whether the file has the key or not.
        let outdated = try configuration(#"{"_class_name": "DDIMScheduler"}"#).changing(
            StableDiffusion.schedulerChanges)
        let ddim = try outdated.make()
        try ddim.setTimesteps(10)
        #expect(ddim.timesteps.last == 1)
    }

    @Test func wrongCallsAreRefused() throws {
        for kind in SchedulerRegistry.standard.entries.names {
            let scheduler = try configuration("{\"_class_name\": \"\(kind)\"}").make()
            let x = try Tensor.zeros([1, 2, 2, 4])
            let noise: Tensor? = x
            #expect(message { _ = try scheduler.step(x, sample: x, noise: noise) }.contains("no timesteps"))
            for steps in [0, -1, 1001, Int.max, Int.min] {
                #expect(message { try scheduler.setTimesteps(steps) }.contains("steps"))
            }
            try scheduler.setTimesteps(4)
            #expect(message { _ = try scheduler.step(x, sample: .zeros([2]), noise: noise) }.contains("[2]"))
            #expect(
                message { _ = try scheduler.step(.zeros([1], .f64), sample: .zeros([1]), noise: noise) }.contains("f64")
            )
            if scheduler.needsNoise {
                #expect(message { _ = try scheduler.step(x, sample: x) }.contains("noise"))
            }
            while scheduler.stepIndex < scheduler.timesteps.count {
                _ = try scheduler.step(scheduler.modelInput(x), sample: x, noise: noise)
            }
            #expect(message { _ = try scheduler.step(x, sample: x, noise: noise) }.contains("steps are done"))
            if kind != "DDIMScheduler" {
                #expect(
                    message { _ = try configuration("{\"_class_name\": \"\(kind)\"}").make(eta: 0.5) }.contains("eta"))
            }
            #expect(message { _ = try configuration("{\"_class_name\": \"\(kind)\"}").make(eta: .nan) }.contains("eta"))
        }
        let offset = try configuration(#"{"_class_name": "DDIMScheduler", "steps_offset": 1}"#).make()
        #expect(message { try offset.setTimesteps(1000) }.contains("fewer steps"))
    }

    @Test func whatAFlowBeginsWithIsLookedAt() throws {
        func flow(_ options: String) throws -> any FlowScheduler {
            let made = try configuration("{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\"\(options)}").make()
            return try #require(made as? any FlowScheduler)
        }
        let dynamic = try flow(#", "use_dynamic_shifting": true"#)
        #expect(message { try dynamic.setTimesteps(4) }.contains("tokens"))
        #expect(message { try dynamic.setTimesteps(4, sigmas: [1, 0.5], tokens: 9) }.contains("2 sigmas for 4 steps"))
        let fixed = try flow(#", "shift": 3.0"#)
        #expect(message { try fixed.setTimesteps(1, sigmas: [1.5], tokens: nil) }.contains("from 0 to 1"))
        #expect(message { try flow(#", "shift_terminal": 0.1"#).setTimesteps(1) }.contains("no numbers"))
        try fixed.setTimesteps(2, sigmas: [1, 0.5], tokens: 9)
        var state = try fixed.state()
        state["given"] = try Tensor([1, 0.5, 0.2] as [Float], shape: [3])
        #expect(message { try fixed.restore(state) }.contains("its sigmas"))
        state["given"] = nil
        state["tokens"] = try Tensor([Int64.min], shape: [1])
        #expect(message { try fixed.restore(state) }.contains("tokens"))
    }

    @Test func foreignStatesAreRefused() throws {
        let ddim = try configuration(#"{"_class_name": "DDIMScheduler"}"#).make()
        let pndm = try configuration(#"{"_class_name": "PNDMScheduler", "skip_prk_steps": true}"#).make()
        let dpm = try configuration(#"{"_class_name": "DPMSolverMultistepScheduler"}"#).make()
        try ddim.setTimesteps(10)
        let state = try ddim.state()
        for scheduler in [pndm, dpm] {
            #expect(message { try scheduler.restore(state) }.contains("another scheduler"))
        }
        #expect(message { try ddim.restore([:]) }.contains("no position"))
        func position(_ scheduler: any Scheduler, _ steps: Int64, _ index: Int64) throws -> [String: Tensor] {
            var state = try scheduler.state()
            state["position"] = try Tensor([steps, index], shape: [2])
            return state
        }
        for (steps, index) in [(10, 11), (0, 0), (-5, 1), (10, Int64.max), (Int64.max, 1)] {
            #expect(!message { try ddim.restore(position(ddim, steps, index)) }.isEmpty)
        }
        // The images or predictions that the position needs are missing.
        try dpm.setTimesteps(10)
        try pndm.setTimesteps(10)
        #expect(message { try dpm.restore(position(dpm, 10, 3)) }.contains("0 images"))
        #expect(message { try pndm.restore(position(pndm, 10, 3)) }.contains("predictions"))
    }

    @Test func extremeSchedulesDoNotStopTheProcess() throws {
        let extras = [
            "", #", "use_karras_sigmas": true"#, #", "use_exponential_sigmas": true"#, #", "use_lu_lambdas": true"#,
            #", "use_flow_sigmas": true, "flow_shift": 1e6"#, #", "lambda_min_clipped": 3"#, #", "solver_order": 3"#,
            #", "interpolation_type": "log_linear", "final_sigmas_type": "sigma_min""#, #", "skip_prk_steps": true"#,
        ]
        let x = try Tensor.ones([1, 1, 1, 2])
        for kind in SchedulerRegistry.standard.entries.names {
            for count in [1, 2, 5, 9] {
                for (spacing, betas) in [("linspace", (0, 1)), ("leading", (0, 0)), ("trailing", (1, 1))] {
                    for extra in extras {
                        let scheduler = try configuration(
                            """
                            {"_class_name": "\(kind)", "num_train_timesteps": \(count),
                             "timestep_spacing": "\(spacing)", "beta_start": \(betas.0), "beta_end": \(betas.1),
                             "prediction_type": "v_prediction", "steps_offset": 1\(extra)}
                            """
                        ).make()
                        for steps in 1...count {
                            do { try scheduler.setTimesteps(steps) } catch { continue }
                            var sample = x
                            for _ in scheduler.timesteps {
                                let output = try scheduler.modelInput(sample)
                                sample = try scheduler.step(
                                    output, sample: sample, noise: scheduler.needsNoise ? x : nil)
                            }
                        }
                    }
                }
            }
        }
    }

    @Test func trailingSpacingHasExactlyTheStepsAskedFor() throws {
        let scheduler = try configuration(
            #"{"_class_name": "DDIMScheduler", "timestep_spacing": "trailing", "clip_sample": false}"#
        ).make()
        for steps in 1...1000 {
            try scheduler.setTimesteps(steps)
            #expect(scheduler.timesteps.count == steps && scheduler.timesteps.allSatisfy { $0 >= 0 })
        }
    }
}
