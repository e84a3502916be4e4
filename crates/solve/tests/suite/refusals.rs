//! What is wrong is said with what was given, what was expected and where.

use nalgebra::DMatrix;
use overparam_solve::{
    Accuracy, BlockFn, CgOptions, Dense, DirectOptions, Factor, FactorOptions, Progress, SolveError, cg,
    direct,
};

use crate::common::{failing, geometric, labels, tiles, with_spectrum};

fn factor(a: &DMatrix<f64>, options: &FactorOptions) -> SolveError {
    Factor::new(&Dense::new(a).unwrap(), options, &Progress::default()).unwrap_err()
}

#[test]
fn a_nan_is_named_with_its_block() {
    let mut a = with_spectrum(1, &geometric(60, 10.0));
    a[(40, 10)] = f64::NAN;
    assert_eq!(
        factor(&a, &tiles(16, 0.0)).to_string(),
        "the kernel's block of rows 32..48 and columns 0..16 holds NaN at row 40, column 10; every entry must be a finite f32"
    );
    let error = cg(&Dense::new(&a).unwrap(), &labels(1, 60, 1), &CgOptions::default(), &Progress::default())
        .unwrap_err();
    assert!(matches!(error, SolveError::NotFinite { row: 40, column: 10, .. }), "{error}");
    // Finite in f64, not in f32.
    a[(40, 10)] = 1e39;
    assert!(matches!(
        factor(&a, &tiles(16, 0.0)),
        SolveError::NotFinite { row: 40, column: 10, precision: "f32", .. }
    ));
    a[(10, 10)] = f64::INFINITY;
    assert_eq!(
        factor(&a, &tiles(16, 0.0)).to_string(),
        "the kernel's diagonal holds inf at row 10, column 10; every entry must be finite"
    );
}

#[test]
fn a_scale_beyond_f32_is_said() {
    for scale in [1e-40, 1e33] {
        let a = with_spectrum(1, &geometric(20, 10.0)) * scale;
        let error = factor(&a, &tiles(16, 0.0));
        assert!(
            matches!(error, SolveError::Scale { .. }) && error.to_string().contains("scale the kernel"),
            "{error}"
        );
    }
    let a = DMatrix::zeros(20, 20);
    assert!(matches!(factor(&a, &tiles(16, 0.0)), SolveError::NotPositiveDefinite { .. }));
}

#[test]
fn shapes_options_and_labels_are_checked_before_the_work() {
    let error = Dense::new(&DMatrix::<f64>::zeros(3, 4)).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "the kernel is 3 x 4, expected 3 x 3");
    let a = with_spectrum(1, &geometric(30, 10.0));
    let kernel = Dense::new(&a).unwrap();
    let solve = |b: &DMatrix<f64>, options: DirectOptions| {
        direct(&kernel, b, &options, &Progress::default()).unwrap_err().to_string()
    };
    let options = DirectOptions::default();
    assert_eq!(
        solve(&DMatrix::zeros(29, 2), options.clone()),
        "the matrix of right-hand sides is 29 x 2, expected 30 x 2"
    );
    let mut b = labels(1, 30, 2);
    b[(4, 1)] = f64::NAN;
    assert_eq!(
        solve(&b, options.clone()),
        "the matrix of right-hand sides holds NaN at row 4, column 1; every entry must be finite"
    );
    let b = labels(1, 30, 2);
    for tolerance in [0.0, 1.0, -1e-3, f64::NAN] {
        let accuracy = Accuracy { tolerance, ..Accuracy::default() };
        let text = solve(&b, DirectOptions { accuracy, ..options.clone() });
        assert_eq!(text, format!("tolerance is {tolerance}, expected a number between 0 and 1"));
    }
    for ridge in [-1.0, f64::NAN, f64::INFINITY] {
        let text = factor(&a, &tiles(16, ridge)).to_string();
        assert_eq!(text, format!("ridge is {ridge}, expected a finite number of at least 0"));
        let options = CgOptions { ridge, ..CgOptions::default() };
        assert!(matches!(cg(&kernel, &b, &options, &Progress::default()), Err(SolveError::BadOption { .. })));
    }
    assert_eq!(factor(&a, &tiles(0, 0.0)).to_string(), "tile is 0, expected at least 1");
    let options = CgOptions { save_every: 0, ..CgOptions::default() };
    assert!(matches!(cg(&kernel, &b, &options, &Progress::default()), Err(SolveError::BadOption { .. })));
    let options = FactorOptions { checkpoint: true, ..tiles(16, 0.0) };
    assert!(factor(&a, &options).to_string().contains("a scratch folder to write to"));
}

#[test]
fn too_little_memory_says_how_much_is_needed() {
    let a = with_spectrum(1, &geometric(200, 10.0));
    let options = FactorOptions { memory: 50_000, ..tiles(16, 0.0) };
    let SolveError::Memory { needed, .. } = factor(&a, &options) else { panic!("it does not fit") };
    let enough = FactorOptions { memory: needed, ..options.clone() };
    Factor::new(&Dense::new(&a).unwrap(), &enough, &Progress::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let on_disk = FactorOptions { memory: 1000, scratch: Some(folder.path().into()), ..options };
    let SolveError::Memory { needed: less, .. } = factor(&a, &on_disk) else {
        panic!("not even a column fits")
    };
    assert!(less < needed);
    Factor::new(&Dense::new(&a).unwrap(), &FactorOptions { memory: less, ..on_disk }, &Progress::default())
        .unwrap();
}

#[test]
fn a_failure_of_the_kernel_is_passed_on() {
    let a = with_spectrum(1, &geometric(60, 10.0));
    for calls in [0, 3, 9] {
        let error = Factor::new(&failing(&a, calls), &tiles(16, 0.0), &Progress::default()).unwrap_err();
        assert!(error.to_string().ends_with("the disk went away"), "{error}");
    }
    let wrong = BlockFn::new(20, |_, _| Ok(DMatrix::from_element(1, 1, 1.0)));
    let error = Factor::new(&wrong, &tiles(16, 0.0), &Progress::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the kernel's block of rows 0..20 and columns 0..20 is 1 x 1, expected 20 x 20"
    );
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let a = with_spectrum(1, &geometric(40, 10.0));
    let options = FactorOptions { scratch: Some(file.join("below")), checkpoint: true, ..tiles(16, 0.0) };
    let text = factor(&a, &options).to_string();
    assert!(text.starts_with(&format!("creating the folder {}", file.join("below").display())), "{text}");
}
