"""Whom to cite for each method."""

BOOTSTRAP = (
    "Efron and Tibshirani (1993), An Introduction to the Bootstrap, Chapman and Hall: intervals."
)
DUNNING = (
    "Dunning (1993), Accurate Methods for the Statistics of Surprise and Coincidence, "
    "Computational Linguistics 19(1): log-likelihood."
)
HARDIE = "Hardie (2014), Log Ratio: an informal introduction, ESRC CASS: effect size of keyness."
FDR = "Benjamini and Hochberg (1995), Controlling the False Discovery Rate, JRSS B 57(1)."
WILSON = (
    "Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, JASA "
    "22(158): intervals of shares."
)
MOVER = (
    "Zou and Donner (2008), Construction of confidence limits about effect measures: a general "
    "approach, Statistics in Medicine 27(10): intervals put together."
)
LOG_DICE = "Rychlý (2008), A Lexicographer-Friendly Association Score, RASLAN: logDice."
GRIES = (
    "Gries (2008), Dispersions and adjusted frequencies in corpora, International Journal of "
    "Corpus Linguistics 13(4): dispersion."
)
KNESER_NEY = (
    "Chen and Goodman (1998), An Empirical Study of Smoothing Techniques for Language "
    "Modeling, Harvard TR-10-98: modified Kneser-Ney."
)
KENLM = (
    "Heafield, Pouzyrevsky, Clark and Koehn (2013), Scalable Modified Kneser-Ney Language "
    "Model Estimation, ACL."
)
BERT = (
    "Devlin, Chang, Lee and Toutanova (2019), BERT: Pre-training of Deep Bidirectional "
    "Transformers for Language Understanding, arXiv:1810.04805."
)
PLL = (
    "Kauf and Ivanova (2023), A Better Way to Do Masked Language Model Scoring, "
    "arXiv:2305.10588: pseudo-surprisal."
)
GPT = (
    "Radford, Narasimhan, Salimans and Sutskever (2018), Improving Language Understanding by "
    "Generative Pre-Training, OpenAI."
)
NUCLEUS = (
    "Holtzman, Buys, Du, Forbes and Choi (2020), The Curious Case of Neural Text "
    "Degeneration, arXiv:1904.09751: drawing texts."
)
NOT_EXPLANATION = "Jain and Wallace (2019), Attention is not Explanation, arXiv:1902.10186."
ROLLOUT = (
    "Abnar and Zuidema (2020), Quantifying Attention Flow in Transformers, arXiv:2005.00928: "
    "attention rollout."
)
FERTILITY = (
    "Rust, Pfeiffer, Vulić, Ruder and Gurevych (2021), How Good is Your Tokenizer?, "
    "arXiv:2012.15613: pieces a word."
)
TEMPLATES = (
    "Seshadri, Pezeshkpour and Singh (2022), Quantifying Social Biases Using Templates is "
    "Unreliable, arXiv:2210.04337."
)
PPI = (
    "Angelopoulos, Bates, Fannjiang, Jordan and Zrnic (2023), Prediction-powered inference, "
    "Science 382."
)
PPI_STRATIFIED = (
    "Fisch, Maynez, Hofer, Dhingra, Globerson and Cohen (2024), Stratified Prediction-Powered "
    "Inference for Hybrid Language Model Evaluation, arXiv:2406.04291."
)
SELECTED = (
    "Fithian, Sun and Taylor (2014), Optimal Inference After Model Selection, arXiv:1410.2597: "
    "intervals that are shown only if enough was found."
)
ROGAN_GLADEN = (
    "Rogan and Gladen (1978), Estimating prevalence from the results of a screening test, "
    "American Journal of Epidemiology 107(1)."
)
LANG_REICZIGEL = (
    "Lang and Reiczigel (2014), Confidence limits for prevalence of disease adjusted for estimated "
    "sensitivity and specificity, Preventive Veterinary Medicine 113(1)."
)
LORA = (
    "Hu and others (2022), LoRA: Low-Rank Adaptation of Large Language Models, ICLR, "
    "arXiv:2106.09685."
)
QLORA = (
    "Dettmers, Pagnoni, Holtzman and Zettlemoyer (2023), QLoRA: Efficient Finetuning of Quantized "
    "LLMs, arXiv:2305.14314."
)
ZERO_SHOT = (
    "Yin, Hay and Roth (2019), Benchmarking Zero-shot Text Classification: Datasets, Evaluation "
    "and Entailment Approach, arXiv:1909.00161."
)
VARIANCE = (
    "Bouthillier and others (2021), Accounting for Variance in Machine Learning Benchmarks, MLSys, "
    "arXiv:2103.03098: which labels were drawn, and which units were tested."
)
