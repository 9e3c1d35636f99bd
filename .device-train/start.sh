mkdir -p /tmp/w && cp -r .device-train/. /tmp/w/ && cd /tmp/w || exit 1
nvidia-smi --query-gpu=name --format=csv,noheader
cat > chain.sh <<'X'
export PYTHONUNBUFFERED=1
A="--corpus corpus --work work --out out"
python3 make.py check $A > check.log 2>&1 || { touch failed; exit 1; }
(python3 make.py prepare $A > prepare.log 2>&1 || { touch failed; exit 1; }) &
python3 make.py train $A --seconds $1 > train.log 2>&1 || { touch failed; exit 1; }
touch weights-ready
python3 make.py goldens $A > golden.log 2>&1 || touch failed-golden
python3 make.py evaluate $A --suite suite.json > evaluate.log 2>&1 || touch failed-evaluate
touch finished
X
setsid nohup bash chain.sh $1 > chain.log 2>&1 < /dev/null &
sleep 1
